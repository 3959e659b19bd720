/* Makes supd's parts as the configuration says. */
#include "supervisor/run/setup.h"
#include "supervisor/conf/libexec.h"
#include "supervisor/base/log.h"
#include "supervisor/base/rng.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/listenmem.h"
#include "supervisor/run/logmem.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/streams.h"
#include "supervisor/run/taps.h"
#include "supervisor/run/verbs.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FULL "arguments and environment leave no room in the state"
#define SPARE_FDS 64u /* sockets, clients, memfds */

int setup_file_size(struct sup *s, struct err *e)
{
    struct rlimit now, none = {RLIM_INFINITY, RLIM_INFINITY};
    if (getrlimit(RLIMIT_FSIZE, &s->child_fsize) < 0 || s->child_fsize.rlim_cur == RLIM_INFINITY)
        return 0;
    struct rlimit all = {s->child_fsize.rlim_max, s->child_fsize.rlim_max};
    s->fsize_lifted = setrlimit(RLIMIT_FSIZE, &none) == 0 || setrlimit(RLIMIT_FSIZE, &all) == 0;
    if (getrlimit(RLIMIT_FSIZE, &now) < 0 || now.rlim_cur >= logmem_least())
        return 0;
    return err_set(e,
                   "supd needs files of %llu bytes in memory, the limit of file sizes is %llu and "
                   "cannot be raised (raise the hard limit with ulimit -f, --ulimit fsize= or "
                   "LimitFSIZE=)",
                   (unsigned long long)logmem_least(), (unsigned long long)now.rlim_cur);
}

/* As far as it goes, in any case; -1 if that is not as many, and *out_limit of them. */
static int raise_nofile(uint64_t need, uint64_t *out_limit)
{
    struct rlimit r = {0, 0};
    getrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    struct rlimit more = {need, need};
    *out_limit = r.rlim_cur;
    return r.rlim_cur >= need || setrlimit(RLIMIT_NOFILE, &more) == 0 ? 0 : -1;
}

static int raise_fds(uint64_t need, struct err *e)
{
    uint64_t limit;
    if (raise_nofile(need, &limit) == 0)
        return 0;
    return err_set(e,
                   "the configuration needs %llu descriptors, limit %llu (raise it with ulimit, "
                   "--ulimit or LimitNOFILE=, or use stdin=null and stdout_logfile=NONE)",
                   (unsigned long long)need, (unsigned long long)limit);
}

static int raise_minfds(int32_t minfds, struct err *e)
{
    uint64_t limit;
    if (minfds < 0 || raise_nofile((uint64_t)minfds, &limit) == 0)
        return 0;
    return err_set(e,
                   "The minimum number of file descriptors required to run this process is %d as "
                   "per the minfds setting, the limit is %llu and cannot be raised (raise it with "
                   "ulimit -n, --ulimit nofile= or LimitNOFILE=, or lower minfds)",
                   minfds, (unsigned long long)limit);
}

/* The children have it from us, so that it is raised only as far as it has to be. */
static int raise_nproc(int32_t minprocs, bool *out_raised, struct err *e)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NPROC, &r) < 0)
        return err_errno(e, errno, "cannot read the limit of processes");
    rlim_t need = minprocs > 0 ? (rlim_t)minprocs : 0, had = r.rlim_cur;
    if (had >= need)
        return 0;
    r.rlim_cur = need;
    r.rlim_max = r.rlim_max < need ? need : r.rlim_max;
    if (setrlimit(RLIMIT_NPROC, &r) < 0)
        return err_set(e,
                       "The minimum number of available processes required to run this program is "
                       "%d as per the minprocs setting, the limit is %llu and cannot be raised "
                       "(raise it with ulimit -u, --ulimit nproc= or LimitNPROC=, or lower "
                       "minprocs)",
                       minprocs, (unsigned long long)had);
    *out_raised = true;
    return 0;
}

/* descriptors that a process may hold; all: also for NONE */
static uint64_t fds_of(const struct gen_opts *o, bool all)
{
    unsigned streams = all || streams_needed(o, 0);
    streams += all ? !o->redirect_stderr : streams_needed(o, 1);
    unsigned told = o->order ? 3 : 0; /* NOTIFY_SOCKET, a pipe for readiness */
    return logs_need_fds(streams) - logs_need_fds(0) + !o->stdin_null + told;
}

/* We read its standard output ourselves. */
static bool is_listener(const struct gen *g, const struct gen_proc *c)
{
    return gen_groups(g)[c->group].kind == GEN_EVENTLISTENER;
}

/* the same of all the processes of a generation at once, and ours */
static uint64_t fds_needed(const struct gen *g, bool all)
{
    uint64_t n = logs_need_fds(0) + spawn_own_fds() + SPARE_FDS + g->supd.nfcgi + g->supd.nservers;
    for (uint32_t i = 0; i < g->nprocs; i++)
        n += fds_of(gen_opts(g, gen_procs(g) + i), all) + is_listener(g, gen_procs(g) + i);
    return n;
}

bool setup_fits_all(const struct gen *g)
{
    struct rlimit r;
    return getrlimit(RLIMIT_NOFILE, &r) == 0 && fds_needed(g, true) <= r.rlim_cur;
}

uint64_t setup_fds_of(const struct gen_opts *o)
{
    return fds_of(o, false);
}

int setup_raise_fds(const struct gen *g, uint64_t others, struct err *e)
{
    return raise_fds(fds_needed(g, false) + others, e);
}

static int raise_limits(struct sup *s, struct err *e)
{
    const struct gen *g = s->gen->gen;
    if (raise_fds(fds_needed(g, false), e) < 0 || raise_minfds(g->supd.minfds, e) < 0)
        return -1;
    if (raise_nproc(g->supd.minprocs, &s->raised_nproc, e) < 0)
        return -1;
    s->raised_nofile = (int64_t)s->child_nofile.rlim_cur < g->supd.minfds;
    if (s->raised_nofile)
        s->child_nofile.rlim_cur = (rlim_t)g->supd.minfds;
    if (s->child_nofile.rlim_max < s->child_nofile.rlim_cur)
        s->child_nofile.rlim_max = s->child_nofile.rlim_cur;
    return 0;
}

int setup_identity(struct sup *s, struct err *e)
{
    const struct gen_supd *d = &s->gen->gen->supd;
    if (raise_limits(s, e) < 0)
        return -1;
    if (d->uid < 0 || (uid_t)d->uid == geteuid())
        return 0;
    if (geteuid() != 0)
        return err_set(e, "Can't drop privilege as nonroot user");
    gid_t gid = (gid_t)d->gid;
    const gid_t *groups = gen_at(s->gen->gen, d->user_groups);
    if (setgroups(d->nuser_groups, groups) < 0 || setgid(gid) < 0 || setuid((uid_t)d->uid) < 0)
        return err_errno(e, errno, "cannot become user %lld", (long long)d->uid);
    prctl(PR_SET_DUMPABLE, 1);
    return 0;
}

/* Whether another one has the default's path (ctl_open). */
static bool is_beside(const struct sup *s, const char *path)
{
    char own[24];
    size_t n = strlen(path), len = (size_t)snprintf(own, sizeof(own), "-%d.sock", s->pid);
    return n > len && strcmp(path + n - len, own) == 0;
}

void setup_say(const struct sup *s)
{
    if (s->opt.as_supervisord && s->gen->gen->supd.uid < 0 && geteuid() == 0)
        log_crit(
            "Supervisor is running as root.  Privileges were not dropped because no user is "
            "specified in the config file.  If you intend to run as root, you can set user=root "
            "in the config file to avoid this message.");
}

void setup_say_limits(const struct sup *s)
{
    const struct gen_supd *d = &s->gen->gen->supd;
    if (d->uid >= 0)
        log_info("Set uid to user %lld succeeded", (long long)d->uid);
    if (s->raised_nofile)
        log_info("Increased RLIMIT_NOFILE limit to %d", d->minfds);
    if (s->raised_nproc)
        log_info("Increased RLIMIT_NPROC limit to %d", d->minprocs);
    if (is_beside(s, ctl_path(s->ctl)))
        log_warn("control: another process answers on the default socket; listening on %s instead, "
                 "which programs find in SUPD_SOCKET; set [supd] socket= for a path of its own",
                 ctl_path(s->ctl));
}

int setup_program(const struct sup *s, const char *name, char *out_path, size_t size, struct err *e)
{
    return libexec_find(s->self_dir, gen_str(s->gen->gen, s->gen->gen->supd.libexec), name,
                        out_path, size, e);
}

static struct logs_main main_of(const struct sup *s)
{
    const struct gen *g = s->gen->gen;
    const struct gen_supd *d = &g->supd;
    bool foreground = d->nodaemon || s->opt.nodaemon;
    return (struct logs_main){.path = gen_str(g, d->logfile),
                              .syslog = d->logfile_syslog != 0,
                              .copy_to_stdout = s->opt.as_supervisord && foreground && !d->silent,
                              .maxbytes = d->logfile_maxbytes,
                              .backups = d->logfile_backups};
}

/* At debug and below, as Supervisor does, the main log has what programs write. */
static void follow_level(struct sup *s)
{
    enum log_level level = (enum log_level)s->gen->gen->supd.loglevel;
    log_setup(logs_main_fd(s->logs), level, s->log_json);
    logs_copy_output(s->logs, level <= LVL_DEBUG);
}

void setup_main_log(struct sup *s)
{
    struct err e;
    const struct logs_main main = main_of(s);
    int changed = logs_main_update(s->logs, &main, &e);
    if (changed < 0)
        log_error("%s", e.msg);
    follow_level(s);
    if (changed > 0)
        log_info("the main log follows its new configuration");
}

int setup_logs(struct sup *s, struct err *e)
{
    const struct gen *g = s->gen->gen;
    const struct gen_supd *d = &g->supd;
    char program[512];
    if (setup_program(s, "supd-log", program, sizeof(program), e) < 0)
        return -1;
    struct logs_setup setup = {
        .program = program,
        .memory = d->log_memory,
        .identifier = gen_str(g, d->identifier),
        .childlogdir = gen_str(g, d->childlogdir),
        .nocleanup = d->nocleanup,
        .syslog_ident = s->opt.as_supervisord ? "supervisord" : "supd",
        .log_json = d->log_json,
        .fsize = s->fsize_lifted ? &s->child_fsize : NULL,
        .main = main_of(s),
    };
    s->log_json = d->log_json;
    s->logs = logs_new(s->loop, &setup, e);
    if (!s->logs || taps_setup(s, e) < 0)
        return -1;
    struct state_kept *k = state_kept(s->state);
    k->log_memory = logs_memory(s->logs);
    k->log_json = s->log_json;
    return state_note_text(s->state, STATE_LOG_PROGRAM, program) < 0 ? err_set(e, FULL) : 0;
}

int setup_logs_again(struct sup *s, struct err *e)
{
    const char *program = state_text(s->state, STATE_LOG_PROGRAM);
    struct logs_setup setup = {.program = program ? program : "",
                               .same = state_kept(s->state)->cause == STATE_CRASHED,
                               .fsize = s->fsize_lifted ? &s->child_fsize : NULL};
    int32_t tap[2];
    if (listenmem_take_text(*state_listeners(s->state), state_image(s->state), tap))
        setup.tap = tap[1];
    s->logs = logs_go_on(s->loop, &setup, state_kept(s->state)->log_memory, e);
    if (!s->logs || taps_setup(s, e) < 0)
        return -1;
    if (setup.tap && logs_tap_end(s->logs, LOGS_TAP_SUPD) == setup.tap)
        taps_go_on(s->taps, tap[0]);
    if (logs_main_is_torn(s->logs))
        setup_main_log(s);
    else
        follow_level(s);
    return 0;
}

static int make_ctl(struct sup *s, struct err *e)
{
    struct state_kept *k = state_kept(s->state);
    struct ctl_config config = {.loop = s->loop, .obj = s, .version = SUPD_VERSION, .kept = k};
    k->instance = k->instance ? k->instance : rng_entropy();
    config.instance = k->instance;
    config.beside = s->opt.as_supervisord;
    config.verbs = verbs_all(&config.nverbs);
    s->ctl = ctl_new(&config, e);
    return s->ctl ? 0 : -1;
}

/* A path that nobody would look for is told to the programs. */
static void name_socket(struct sup *s)
{
    const char *path = ctl_path(s->ctl);
    size_t n = strlen(path);
    if ((path[0] == '@' || is_beside(s, path)) &&
        n + sizeof("SUPD_SOCKET=") <= sizeof(s->socket_env))
        snprintf(s->socket_env, sizeof(s->socket_env), "SUPD_SOCKET=%s", path);
}

int setup_ctl(struct sup *s, struct err *e)
{
    const struct gen *g = s->gen->gen;
    if (make_ctl(s, e) < 0 ||
        ctl_open(s->ctl, gen_str(g, g->supd.socket), g->supd.socket_gid, e) < 0)
        return -1;
    name_socket(s);
    return state_note_text(s->state, STATE_SOCKET, ctl_path(s->ctl)) < 0 ? err_set(e, FULL) : 0;
}

int setup_ctl_again(struct sup *s, struct err *e)
{
    const char *path = state_text(s->state, STATE_SOCKET);
    if (make_ctl(s, e) < 0 || ctl_go_on(s->ctl, path ? path : "", e) < 0)
        return -1;
    name_socket(s);
    return 0;
}
