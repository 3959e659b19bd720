/* Finds and ends processes that outlived their supervisor or their program. */
#include "supervisor/run/leftovers.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/log.h"
#include "supervisor/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENVIRON_MAX (8 << 20) /* our mark comes last, and may stand behind a lot */

#define UNKNOWN_WAIT DUR_S(5) /* after TERM, for what the configuration has no words about */
#define KILL_WAIT DUR_S(2)
#define STEP_MAX                                                                                   \
    DUR_S(86400 * 365) /* what is longer is as good as for ever; sums stay in range                \
                        */

struct found {
    int pid;
    unsigned long long start;
    bool end;                    /* its program has orphans=kill */
    const struct gen_opts *opts; /* of its program; NULL: there is none of that name any more */
    uint32_t sent;               /* signals so far */
    mono_t due;                  /* when the next one follows; the first at once */
};

static ssize_t read_file(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t n = 0;
    ssize_t r;
    while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
        n += (size_t)r;
    close(fd);
    buf[n] = '\0';
    return (ssize_t)n;
}

/* start time in clock ticks since boot (field 22 of /proc/PID/stat), 0 if there is no such process
 */
static unsigned long long start_time(int pid)
{
    char path[64], buf[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (read_file(path, buf, sizeof(buf)) <= 0)
        return 0;
    char *p = strrchr(buf, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

void leftovers_mark(struct sup *s)
{
    const char *config = s->opt.config ? s->opt.config : "";
    snprintf(s->mark, sizeof(s->mark), "%d.%llu.%08x", s->pid, start_time(s->pid),
             crc32_of(config, strlen(config)));
}

static const char *env_value(const char *env, size_t n, const char *key)
{
    size_t k = strlen(key);
    for (const char *p = env; p < env + n; p += strlen(p) + 1)
        if (strncmp(p, key, k) == 0 && p[k] == '=')
            return p + k + 1;
    return NULL;
}

/* true if the supervisor that a mark names still runs */
static bool mark_alive(const char *mark)
{
    char *dot;
    long pid = strtol(mark, &dot, 10);
    if (pid <= 0 || *dot != '.')
        return true; /* not a mark of ours: leave it alone */
    unsigned long long start = strtoull(dot + 1, NULL, 10);
    return start == 0 || start_time((int)pid) == start;
}

/* the same configuration, another supervisor? The last field of a mark says which configuration. */
static bool mark_of_ours(const char *mark, const char *own_mark)
{
    const char *a = strrchr(mark, '.'), *b = strrchr(own_mark, '.');
    return a && b && strcmp(a, b) == 0 && strcmp(mark, own_mark) != 0;
}

/* what the configuration says of the program that a leftover belonged to, or NULL */
static const struct gen_opts *find_opts(const struct sup *s, const char *group, const char *name)
{
    const struct gen *g = s->gen->gen;
    const struct gen_group *groups = gen_groups(g);
    for (uint32_t i = 0; group && name && i < g->nprocs; i++) {
        const struct gen_proc *p = gen_procs(g) + i;
        if (strcmp(gen_str(g, p->name), name) == 0 &&
            strcmp(gen_str(g, groups[p->group].name), group) == 0)
            return gen_opts(g, p);
    }
    return NULL;
}

static bool is_to_end(const struct sup *s, const struct gen_opts *o)
{
    return o ? o->orphans == GEN_ORPHANS_KILL : !s->opt.as_supervisord;
}

/* fills out_f and reports it if pid is a leftover */
static bool is_leftover(const struct sup *s, int pid, char *env, struct found *out_f)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    ssize_t n = read_file(path, env, ENVIRON_MAX);
    const char *mark = n > 0 ? env_value(env, (size_t)n, "SUPD_MARK") : NULL;
    if (!mark || !mark_of_ours(mark, s->mark) || mark_alive(mark))
        return false;
    const char *name = env_value(env, (size_t)n, "SUPERVISOR_PROCESS_NAME");
    const char *group = env_value(env, (size_t)n, "SUPERVISOR_GROUP_NAME");
    const struct gen_opts *o = find_opts(s, group, name);
    *out_f =
        (struct found){.pid = pid, .start = start_time(pid), .end = is_to_end(s, o), .opts = o};
    log_warn("pid %d is left from a supervisor that is gone (program %s:%s), %s", pid,
             group ? group : "?", name ? name : "?", out_f->end ? "ending it" : "leaving it alone");
    return true;
}

static bool is_ancestor(int pid)
{
    char path[64], buf[1024];
    for (int p = getpid(), depth = 0; p > 1 && depth < 64; depth++) {
        if (p == pid)
            return true;
        snprintf(path, sizeof(path), "/proc/%d/stat", p);
        char *paren = read_file(path, buf, sizeof(buf)) > 0 ? strrchr(buf, ')') : NULL;
        p = paren && strlen(paren) > 4 ? (int)strtol(paren + 4, NULL, 10) : 0;
    }
    return false;
}

typedef VEC(struct found) found_vec;

static void find(const struct sup *s, found_vec *found)
{
    DIR *proc = opendir("/proc");
    char *env = malloc(ENVIRON_MAX);
    struct dirent *d;
    while (proc && env && (d = readdir(proc))) {
        int pid = (int)strtol(d->d_name, NULL, 10);
        struct found f;
        if (pid > 1 && !is_ancestor(pid) && is_leftover(s, pid, env, &f))
            VEC_PUSH(found, f);
    }
    free(env);
    if (proc)
        closedir(proc);
}

/* The steps of the program's stop sequence, then KILL. */
static struct gen_stop step_of(const struct gen *g, const struct found *f)
{
    if (f->opts && f->sent < f->opts->nstops)
        return ((const struct gen_stop *)gen_at(g, f->opts->stops))[f->sent];
    if (!f->opts && !f->sent)
        return (struct gen_stop){.sig = SIGTERM, .wait_ns = UNKNOWN_WAIT.ns};
    return (struct gen_stop){.sig = SIGKILL, .wait_ns = KILL_WAIT.ns};
}

static uint32_t steps_of(const struct found *f)
{
    return (f->opts ? f->opts->nstops : 1) + 1;
}

static dur_t wait_of(const struct gen_stop *step)
{
    return step->wait_ns < STEP_MAX.ns ? (dur_t){step->wait_ns} : STEP_MAX;
}

/* False when it is gone, another one, or past its last step. */
static bool urge(const struct gen *g, struct found *f, mono_t now)
{
    if (!f->end || !f->start || start_time(f->pid) != f->start || kill(f->pid, 0) < 0)
        return false;
    if (f->sent && !mono_reached(f->due, now))
        return true;
    if (f->sent == steps_of(f))
        return false;
    struct gen_stop step = step_of(g, f);
    f->sent++;
    f->due = mono_add(now, wait_of(&step));
    kill(f->pid, step.sig);
    if (step.sig != SIGKILL)
        kill(f->pid, SIGCONT);
    return true;
}

static bool urge_all(const struct gen *g, found_vec *found)
{
    bool any = false;
    VEC_EACH (found, i)
        any |= urge(g, &found->v[i], mono_now());
    return any;
}

dur_t leftovers_limit(const struct gen *g)
{
    int64_t most = UNKNOWN_WAIT.ns;
    for (uint32_t i = 0; i < g->nprocs; i++) {
        struct found f = {.opts = gen_opts(g, gen_procs(g) + i)};
        int64_t ns = 0;
        for (; f.sent < f.opts->nstops; f.sent++) {
            struct gen_stop step = step_of(g, &f);
            ns += wait_of(&step).ns;
        }
        most = ns > most ? ns : most;
    }
    return (dur_t){most + KILL_WAIT.ns + DUR_S(5).ns};
}

int leftovers_sweep(const struct sup *s)
{
    found_vec found = VEC_INIT;
    find(s, &found);
    while (urge_all(s->gen->gen, &found))
        poll(NULL, 0, 20);
    int n = (int)found.n;
    VEC_FINI(&found);
    return n;
}

static bool reap_all(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* true if a child of ours may outlive us: its program has orphans=keep */
static bool is_kept(const struct sup *s, int pid, char *env)
{
    char path[64];
    if (!s->gen)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    ssize_t n = read_file(path, env, ENVIRON_MAX);
    const char *mark = n > 0 ? env_value(env, (size_t)n, "SUPD_MARK") : NULL;
    if (!mark || strcmp(mark, s->mark) != 0)
        return s->opt.as_supervisord;
    return !is_to_end(s, find_opts(s, env_value(env, (size_t)n, "SUPERVISOR_GROUP_NAME"),
                                   env_value(env, (size_t)n, "SUPERVISOR_PROCESS_NAME")));
}

/* KILLs our own children (orphans that came to us as their subreaper) but those that may stay;
 * false if there was nothing to do */
static bool kill_children(const struct sup *s, char *env)
{
    char path[64], buf[8192];
    bool any = false;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", s->pid, s->pid);
    if (read_file(path, buf, sizeof(buf)) <= 0)
        return false;
    for (char *p = buf; *p;) {
        char *end;
        long child = strtol(p, &end, 10);
        if (end == p || *end != ' ') /* the last one may be cut, and be another's number then */
            return any || *p;
        if (child > 1 && !is_kept(s, (int)child, env))
            any = kill((int)child, SIGKILL) == 0 || any;
        p = end + strspn(end, " ");
    }
    return any;
}

void leftovers_kill(struct sup *s)
{
    char *env = s->is_init ? NULL : malloc(ENVIRON_MAX);
    for (int i = 0; i < 100 && !reap_all(); i++) {
        if (s->is_init)
            kill(-1, SIGKILL);
        else if (!s->is_subreaper || !env || !kill_children(s, env))
            break;
        poll(NULL, 0, i < 10 ? 1 : 10);
    }
    free(env);
}
