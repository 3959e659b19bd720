/* The sentence for a start that failed. */
#include "supervisor/io/spawn.h"

#include "supervisor/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef int explain_fn(const struct spawn_request *rq, const struct spawn_cell *cell,
                       struct err *out);

/* err_errno, with a hint in brackets behind it. */
static int with_hint(struct err *out, int errnum, const char *what, const char *hint)
{
    const char *why = strerrordesc_np(errnum);
    err_set(out, "%s: %s%s%s%s", what, why ? why : "Unknown error", hint ? " (" : "",
            hint ? hint : "", hint ? ")" : "");
    out->errnum = errnum;
    return -1;
}

static int explain_group(const struct spawn_request *rq, const struct spawn_cell *cell,
                         struct err *out)
{
    return err_errno(out, cell->errnum,
                     rq->setsid ? "cannot make a session" : "cannot make a process group");
}

static int explain_fds(const struct spawn_request *rq, const struct spawn_cell *cell,
                       struct err *out)
{
    return err_errno(out, cell->errnum, "cannot set up descriptors 0, 1, 2 (from %d, %d, %d)",
                     rq->fds[0], rq->fds[1], rq->redirect_stderr ? rq->fds[1] : rq->fds[2]);
}

static int explain_rlimit(const struct spawn_request *rq, const struct spawn_cell *cell,
                          struct err *out)
{
    struct err what;
    err_set(&what, "cannot set the limit of open files to %llu:%llu",
            rq->nofile ? (unsigned long long)rq->nofile->rlim_cur : 0,
            rq->nofile ? (unsigned long long)rq->nofile->rlim_max : 0);
    return with_hint(out, cell->errnum, what.msg,
                     cell->errnum == EPERM ? "raising the hard limit needs CAP_SYS_RESOURCE, and "
                                             "fs.nr_open is above all"
                                           : NULL);
}

/* "limit_nofile=64:64" and its like: the words for one attribute, and what it needs. */
static int explain_attr(const struct spawn_cell *cell, unsigned attr, const char *value,
                        const char *needs, struct err *out)
{
    struct err what;
    err_set(&what, "cannot set %s%s%s", attr_name(attr), *value ? " to " : "", value);
    bool denied = cell->errnum == EPERM || cell->errnum == EACCES;
    return with_hint(out, cell->errnum, what.msg, denied ? needs : NULL);
}

static void put_limit(uint64_t n, struct str *s)
{
    if (n == UINT64_MAX)
        str_puts(s, "unlimited");
    else
        str_printf(s, "%" PRIu64, n);
}

static int explain_limits(const struct spawn_request *rq, const struct spawn_cell *cell,
                          struct err *out)
{
    struct str s = STR_INIT;
    unsigned i = (unsigned)cell->candidate % ATTRS_LIMITS;
    put_limit(rq->attrs->limit[i][0], &s);
    str_putc(&s, ':');
    put_limit(rq->attrs->limit[i][1], &s);
    explain_attr(cell, i, str_text(&s), "raising the hard limit needs CAP_SYS_RESOURCE", out);
    str_fini(&s);
    return -1;
}

static int explain_nice(const struct spawn_request *rq, const struct spawn_cell *cell,
                        struct err *out)
{
    char value[16];
    snprintf(value, sizeof(value), "%d", rq->attrs->nice);
    return explain_attr(cell, ATTR_NICE, value, "CAP_SYS_NICE is missing", out);
}

static int explain_ionice(const struct spawn_request *rq, const struct spawn_cell *cell,
                          struct err *out)
{
    (void)rq;
    return explain_attr(cell, ATTR_IONICE, "", "CAP_SYS_NICE is missing", out);
}

static int explain_oom(const struct spawn_request *rq, const struct spawn_cell *cell,
                       struct err *out)
{
    char value[16];
    snprintf(value, sizeof(value), "%d", rq->attrs->oom_score_adj);
    if (cell->errnum == ENOENT)
        return err_set(out, "cannot set oom_score_adj to %s: there is no /proc", value);
    return explain_attr(cell, ATTR_OOM, value, "lowering it needs CAP_SYS_RESOURCE", out);
}

static int explain_cpus(const struct spawn_request *rq, const struct spawn_cell *cell,
                        struct err *out)
{
    (void)rq;
    if (cell->errnum == EINVAL)
        return err_set(out, "cannot set cpu_affinity: none of these CPUs is there, or allowed");
    return explain_attr(cell, ATTR_CPUS, "", NULL, out);
}

static int explain_memory(const struct spawn_request *rq, const struct spawn_cell *cell,
                          struct err *out)
{
    (void)rq;
    if (cell->errnum == ENOENT)
        return err_set(out, "cannot watch %s: there is no /proc",
                       attr_name((unsigned)cell->candidate));
    return explain_attr(cell, (unsigned)cell->candidate, "", NULL, out);
}

#define NO_MOUNTS "CAP_SYS_ADMIN is missing, or a security module denies mounts"

static int explain_namespace(const struct spawn_request *rq, const struct spawn_cell *cell,
                             struct err *out)
{
    (void)rq;
    if (cell->errnum == EINVAL)
        return err_set(out, "cannot set %s: / is no mount point, as in a chroot",
                       attr_name((unsigned)cell->candidate));
    return explain_attr(cell, (unsigned)cell->candidate, "", NO_MOUNTS, out);
}

static const char *nth_path(const char *paths, int n)
{
    for (; paths && n > 0; n--)
        paths += strlen(paths) + 1;
    return paths ? paths + (*paths == '-') : "";
}

static int explain_read_only(const struct spawn_request *rq, const struct spawn_cell *cell,
                             struct err *out)
{
    struct err what;
    bool other = cell->candidate >= SPAWN_READ_WRITE;
    const char *path = other ? nth_path(rq->read_write, cell->candidate - SPAWN_READ_WRITE)
                             : nth_path(rq->read_only, cell->candidate);
    err_set(&what, other ? "cannot keep %s writable" : "cannot make %s read-only", path);
    const char *hint = cell->errnum == EPERM || cell->errnum == EACCES ? NO_MOUNTS
                       : cell->errnum == ENOSYS                        ? "it needs Linux 5.12"
                                                                       : NULL;
    return with_hint(out, cell->errnum, what.msg, hint);
}

static int explain_tmp(const struct spawn_request *rq, const struct spawn_cell *cell,
                       struct err *out)
{
    (void)rq;
    struct err what;
    err_set(&what, "cannot give it a private %s", cell->candidate ? "/var/tmp" : "/tmp");
    bool denied = cell->errnum == EPERM || cell->errnum == EACCES;
    return with_hint(out, cell->errnum, what.msg, denied ? NO_MOUNTS : NULL);
}

static int explain_caps(const struct spawn_request *rq, const struct spawn_cell *cell,
                        struct err *out)
{
    (void)rq;
    return explain_attr(cell, ATTR_CAPS, "", "CAP_SETPCAP is missing", out);
}

static int explain_ambient(const struct spawn_request *rq, const struct spawn_cell *cell,
                           struct err *out)
{
    (void)rq;
    const char *name = attr_cap_name((unsigned)cell->candidate);
    struct err needs;
    err_set(&needs, "supd has no %s itself, or capabilities= leaves it out", name ? name : "such");
    return explain_attr(cell, ATTR_AMBIENT, "", needs.msg, out);
}

static int explain_last(const struct spawn_request *rq, const struct spawn_cell *cell,
                        struct err *out)
{
    (void)rq;
    if (cell->errnum == ESRCH)
        return err_set(out, "supd is gone, and die_with_supd is set");
    return err_errno(out, cell->errnum, "cannot set die_with_supd or no_new_privileges");
}

static int explain_seccomp(const struct spawn_request *rq, const struct spawn_cell *cell,
                           struct err *out)
{
    (void)rq;
    return explain_attr(cell, ATTR_SECCOMP, "",
                        "no_new_privileges=true or CAP_SYS_ADMIN is missing", out);
}

static int explain_groups(const struct spawn_request *rq, const struct spawn_cell *cell,
                          struct err *out)
{
    (void)rq;
    return with_hint(out, cell->errnum, "cannot set the supplementary groups",
                     cell->errnum == EPERM ? "CAP_SETGID is missing, or the user namespace denies "
                                             "setgroups"
                                           : NULL);
}

static int explain_gid(const struct spawn_request *rq, const struct spawn_cell *cell,
                       struct err *out)
{
    struct err what;
    err_set(&what, "cannot change to group %lld", (long long)rq->gid);
    const char *hint = cell->errnum == EPERM    ? "CAP_SETGID is missing"
                       : cell->errnum == EINVAL ? "the user namespace does not map it"
                                                : NULL;
    return with_hint(out, cell->errnum, what.msg, hint);
}

static int explain_uid(const struct spawn_request *rq, const struct spawn_cell *cell,
                       struct err *out)
{
    struct err what;
    err_set(&what, "cannot change to user %lld", (long long)rq->uid);
    const char *hint = cell->errnum == EPERM    ? "CAP_SETUID is missing"
                       : cell->errnum == EINVAL ? "the user namespace does not map it"
                                                : NULL;
    return with_hint(out, cell->errnum, what.msg, hint);
}

static int explain_chdir(const struct spawn_request *rq, const struct spawn_cell *cell,
                         struct err *out)
{
    return err_errno(out, cell->errnum, "cannot chdir to %s", rq->directory);
}

static const char *candidate(const struct spawn_request *rq, int32_t at)
{
    for (int32_t i = 0; rq->candidates[i]; i++) {
        if (i == at)
            return rq->candidates[i];
    }
    return rq->argv[0] ? rq->argv[0] : "";
}

/* The folders of the candidates, as PATH had them. */
static void put_searched(const struct spawn_request *rq, struct str *s)
{
    for (int i = 0; rq->candidates[i]; i++) {
        const char *path = rq->candidates[i], *slash = strrchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) : 0;
        str_puts(s, i ? ":" : "");
        if (slash == path)
            str_putc(s, '/');
        else
            str_put(s, n ? path : ".", n ? n : 1);
    }
}

static int explain_not_found(const struct spawn_request *rq, const struct spawn_cell *cell,
                             struct err *out)
{
    struct str dirs;
    str_init(&dirs, ERR_MAX / 2);
    put_searched(rq, &dirs);
    if (!rq->candidates[0])
        err_set(out, "can't find command '%s' (PATH is empty)", rq->argv[0]);
    else
        err_set(out, "can't find command '%s' (searched %s%s)", rq->argv[0], str_text(&dirs),
                dirs.failed ? "..." : "");
    out->errnum = cell->errnum;
    str_fini(&dirs);
    return -1;
}

static const struct {
    int errnum;
    int as;           /* whose text it has; 0: none, the hint is all */
    const char *hint; /* more about it */
} exec_words[] = {
    {SPAWN_NO_INTERPRETER, 0, "its interpreter is missing"},
    {SPAWN_NOT_PERMITTED, EACCES, "not for this user, or a noexec mount"},
    {SPAWN_NOT_REACHED, EACCES, "a folder on the way is closed"},
    {ENOEXEC, ENOEXEC, "no #! line?"},
    {EACCES, EACCES, "no execute bit"},
    {ETXTBSY, ETXTBSY, "it is being written"},
    {E2BIG, E2BIG, "arguments and environment together"},
    {EAGAIN, EAGAIN, "the user's process limit is used up"},
};

static int explain_exec(const struct spawn_request *rq, const struct spawn_cell *cell,
                        struct err *out)
{
    bool bare = rq->argv[0] && !strchr(rq->argv[0], '/');
    if (bare && (cell->errnum == ENOENT || cell->errnum == ENOTDIR))
        return explain_not_found(rq, cell, out);
    struct err what;
    err_set(&what, "cannot execute %s", candidate(rq, cell->candidate));
    for (size_t i = 0; i < sizeof(exec_words) / sizeof(exec_words[0]); i++) {
        if (exec_words[i].errnum != cell->errnum)
            continue;
        if (exec_words[i].as)
            return with_hint(out, exec_words[i].as, what.msg, exec_words[i].hint);
        err_set(out, "%s: %s", what.msg, exec_words[i].hint);
        out->errnum = ENOENT;
        return -1;
    }
    return with_hint(out, cell->errnum, what.msg, NULL);
}

static explain_fn *const explainers[] = {
    [SPAWN_SETPGID] = explain_group,
    [SPAWN_FDS] = explain_fds,
    [SPAWN_RLIMIT] = explain_rlimit,
    [SPAWN_LIMITS] = explain_limits,
    [SPAWN_NICE] = explain_nice,
    [SPAWN_IONICE] = explain_ionice,
    [SPAWN_OOM] = explain_oom,
    [SPAWN_CPUS] = explain_cpus,
    [SPAWN_MEMORY] = explain_memory,
    [SPAWN_NAMESPACE] = explain_namespace,
    [SPAWN_READ_ONLY] = explain_read_only,
    [SPAWN_TMP] = explain_tmp,
    [SPAWN_GROUPS] = explain_groups,
    [SPAWN_GID] = explain_gid,
    [SPAWN_CAPS] = explain_caps,
    [SPAWN_UID] = explain_uid,
    [SPAWN_AMBIENT] = explain_ambient,
    [SPAWN_LAST] = explain_last,
    [SPAWN_CHDIR] = explain_chdir,
    [SPAWN_SECCOMP] = explain_seccomp,
    [SPAWN_EXEC] = explain_exec,
};

void spawn_explain(const struct spawn_request *rq, const struct spawn_cell *cell, struct err *out)
{
    size_t n = sizeof(explainers) / sizeof(explainers[0]);
    if (cell->step > SPAWN_OK && (size_t)cell->step < n)
        explainers[cell->step](rq, cell, out);
    else
        err_errno(out, cell->errnum, "cannot start %s", rq->argv[0] ? rq->argv[0] : "the program");
}

void spawn_refused(const struct spawn_cell *cell, struct str *out)
{
    size_t start = out->len;
    for (unsigned i = 0; i < ATTR_END; i++) {
        if (cell->refused >> i & 1)
            str_printf(out, "%s%s", out->len > start ? ", " : "", attr_name(i));
    }
}
