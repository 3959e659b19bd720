/* Finds and ends processes that outlived their supervisor or their program. */
#include "supervisor/run/leftovers.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/log.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/children.h"
#include "supervisor/io/procfs.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNKNOWN_WAIT DUR_S(5) /* after TERM, for what the configuration has no words about */
#define KILL_WAIT DUR_S(2)
#define STEP_MAX                                                                                   \
    DUR_S(86400 * 365) /* what is longer is as good as for ever; sums stay in range                \
                        */

/* start time in clock ticks since boot, 0 if there is no such process */
static unsigned long long start_time(int pid)
{
    struct kin k;
    return children_stat(pid, &k) ? k.start : 0;
}

enum { MARK, GROUP, NAME };
static const char *const env_keys[PROCFS_KEYS] = {
    [MARK] = "SUPD_MARK", [GROUP] = "SUPERVISOR_GROUP_NAME", [NAME] = "SUPERVISOR_PROCESS_NAME"};

/* Where numbers of processes mean the same: those of a container are not ours. */
static uint32_t crc_of_place(const char *config)
{
    char text[PATH_MAX + 64];
    int n = snprintf(text, sizeof(text) - 64, "%s\n", config);
    size_t at = n < PATH_MAX ? (size_t)n : PATH_MAX - 1;
    ssize_t m = readlink("/proc/self/ns/pid", text + at, 64);
    return crc32_of(text, at + (m > 0 ? (size_t)m : 0));
}

void leftovers_mark(struct sup *s, const char *config)
{
    snprintf(s->mark, sizeof(s->mark), "%d.%llu.%08x", s->pid, start_time(s->pid),
             crc_of_place(config));
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

/* the same configuration in the same PID namespace, another supervisor? The last field of a mark
 * tells. */
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

struct finding {
    const struct sup *sup;
    struct leftovers *found;
};

/* Reports it if it is a leftover. */
static void on_env(void *obj, int pid, char values[PROCFS_KEYS][PROCFS_VALUE])
{
    const struct finding *g = obj;
    const char *mark = values[MARK];
    if (!*mark || !mark_of_ours(mark, g->sup->mark) || mark_alive(mark))
        return;
    const struct gen_opts *o = find_opts(g->sup, values[GROUP], values[NAME]);
    struct leftover f = {.gen = g->sup->gen->gen, .end = is_to_end(g->sup, o), .opts = o};
    if (!children_stat(pid, &f.k))
        return;
    VEC_PUSH(g->found, f);
    log_warn("pid %d is left from a supervisor that is gone (program %s:%s), %s", pid,
             *values[GROUP] ? values[GROUP] : "?", *values[NAME] ? values[NAME] : "?",
             f.end ? "ending it" : "leaving it alone");
}

static void find(const struct sup *s, struct leftovers *found)
{
    struct kin_list all;
    struct finding g = {s, found};
    procfs_scan(&all);
    int *pids = mem_alloc((all.n + 1) * sizeof(*pids));
    size_t n = 0;
    const struct kin *self = kin_find(all.v, all.n, getpid());
    for (size_t i = 0; i < all.n; i++)
        if (all.v[i].pid > 1 && !kin_below(all.v, all.n, self, all.v[i].pid))
            pids[n++] = all.v[i].pid;
    procfs_environs(pids, n, env_keys, on_env, &g);
    free(pids);
    free(all.v);
}

/* The steps of the program's stop sequence, then KILL. */
static struct gen_stop step_of(const struct leftover *f)
{
    if (f->opts && f->sent < f->opts->nstops)
        return ((const struct gen_stop *)gen_at(f->gen, f->opts->stops))[f->sent];
    if (!f->opts && !f->sent)
        return (struct gen_stop){.sig = SIGTERM, .wait_ns = UNKNOWN_WAIT.ns};
    return (struct gen_stop){.sig = SIGKILL, .wait_ns = KILL_WAIT.ns};
}

static uint32_t steps_of(const struct leftover *f)
{
    return (f->opts ? f->opts->nstops : 1) + 1;
}

static dur_t wait_of(const struct gen_stop *step, dur_t longest)
{
    return step->wait_ns < longest.ns ? (dur_t){step->wait_ns} : longest;
}

static volatile sig_atomic_t hastened;

static void on_hasten(int sig)
{
    (void)sig;
    hastened = 1;
}

/* KILL is next, and now. */
static void hasten(struct leftover *f, mono_t now)
{
    if (f->sent == steps_of(f))
        return;
    f->sent = steps_of(f) - 1;
    f->due = now;
}

/* False when it is gone, another one, or past its last step. */
static bool urge(struct leftover *f, dur_t longest, mono_t now)
{
    if (!f->end || start_time(f->k.pid) != f->k.start || kill(f->k.pid, 0) < 0)
        return false;
    if (hastened)
        hasten(f, now);
    if (f->sent && !mono_reached(f->due, now))
        return true;
    if (f->sent == steps_of(f))
        return false;
    struct gen_stop step = step_of(f);
    f->sent++;
    f->due = mono_add(now, wait_of(&step, longest));
    procfs_send(&f->k, step.sig);
    if (step.sig != SIGKILL)
        procfs_send(&f->k, SIGCONT);
    return true;
}

static bool urge_all(struct leftovers *found, dur_t longest)
{
    bool any = false;
    VEC_EACH (found, i)
        any |= urge(&found->v[i], longest, mono_now());
    return any;
}

void leftovers_end(struct leftovers *found, dur_t longest)
{
    while (urge_all(found, longest))
        poll(NULL, 0, 20);
}

dur_t leftovers_limit(const struct gen *g)
{
    int64_t most = UNKNOWN_WAIT.ns;
    for (uint32_t i = 0; i < g->nprocs; i++) {
        struct leftover f = {.gen = g, .opts = gen_opts(g, gen_procs(g) + i)};
        int64_t ns = 0;
        for (; f.sent < f.opts->nstops; f.sent++) {
            struct gen_stop step = step_of(&f);
            ns += wait_of(&step, STEP_MAX).ns;
        }
        most = ns > most ? ns : most;
    }
    return (dur_t){most + KILL_WAIT.ns + DUR_S(5).ns};
}

int leftovers_sweep(const struct sup *s)
{
    struct leftovers found = VEC_INIT;
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_hasten}, NULL);
    sigprocmask(SIG_UNBLOCK, &term, NULL);
    find(s, &found);
    leftovers_end(&found, STEP_MAX);
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

/* ---- what came to us, as their subreaper ---- */

#define CHILDREN_MAX 4096u /* at a time */

struct ending {
    const struct sup *sup;
    int pids[CHILDREN_MAX];
    bool keep[CHILDREN_MAX];
    size_t n;
};

static bool add_child(void *obj, int pid)
{
    struct ending *g = obj;
    g->keep[g->n] = g->sup->opt.as_supervisord;
    g->pids[g->n++] = pid;
    return g->n < CHILDREN_MAX;
}

/* One may outlive us when its program has orphans=keep or report. */
static void on_child(void *obj, int pid, char values[PROCFS_KEYS][PROCFS_VALUE])
{
    struct ending *g = obj;
    bool keep = g->sup->opt.as_supervisord;
    if (strcmp(values[MARK], g->sup->mark) == 0)
        keep = !is_to_end(g->sup, find_opts(g->sup, values[GROUP], values[NAME]));
    for (size_t i = 0; i < g->n; i++)
        if (g->pids[i] == pid)
            g->keep[i] = keep;
}

/* KILLs those of our own children that may not stay; false if there was nothing to do. */
static bool kill_children(const struct sup *s, struct ending *g)
{
    bool any = false;
    g->sup = s;
    g->n = 0;
    children_of_one(s->pid, add_child, g);
    int *all = s->gen && g->n ? malloc(g->n * sizeof(g->pids[0])) : NULL;
    if (all) {
        memcpy(all, g->pids, g->n * sizeof(g->pids[0]));
        procfs_environs(all, g->n, env_keys, on_child, g);
    }
    free(all);
    for (size_t i = 0; i < g->n; i++)
        any = (!g->keep[i] && kill(g->pids[i], SIGKILL) == 0) || any;
    return any;
}

void leftovers_kill(struct sup *s)
{
    struct ending *g = s->is_init ? NULL : malloc(sizeof(*g));
    for (int i = 0; i < 100 && !reap_all(); i++) {
        if (s->is_init)
            kill(-1, SIGKILL);
        else if (!s->is_subreaper || !g || !kill_children(s, g))
            break;
        poll(NULL, 0, i < 10 ? 1 : 10);
    }
    free(g);
}
