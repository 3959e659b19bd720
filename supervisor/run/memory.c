/* Looks at what programs with memory_high or memory_max use: each 5 s, each second while one of
 * them uses more than half of what it may. Above memory_high a program is stopped and started
 * again, as by hand; above memory_max it is killed, and what follows is as after any other death.
 */
#include "supervisor/run/memory.h"
#include "supervisor/base/log.h"
#include "supervisor/core/attrs.h"
#include "supervisor/io/children.h"
#include "supervisor/io/memuse.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/oom.h"
#include "supervisor/run/procs_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST DUR_S(1) /* a program that only just begins has not taken its memory yet */
#define CALM DUR_S(5)
#define NEAR DUR_S(1)
/* So many processes, or so long, at once, then what else there is to do. */
enum { AT_ONCE = 32, SIZE_TEXT = 24 };
#define STRAYS_MAX 128u
#define GROUP_TEXT 8192 /* the list of a control group: some 1,000 processes */
#define LONG DUR_MS(2)
#define LOWERING_LIMIT DUR_S(60)
#define BREATH DUR_MS(10)

/* Its limits, 0 for none; false: it has none at all. */
static bool limits_of(const struct proc *p, uint64_t *out_high, uint64_t *out_max)
{
    goff off = proc_opts(p)->attrs;
    const struct attrs *a = off ? gen_at(p->gen->gen, off) : NULL;
    bool high = a && (a->set & ATTR_BIT(ATTR_MEMORY_HIGH));
    bool max = a && (a->set & ATTR_BIT(ATTR_MEMORY_MAX));
    *out_high = high ? a->memory_high : 0;
    *out_max = max ? a->memory_max : 0;
    return high || max;
}

static const char *size_text(uint64_t n, char *buf)
{
    const uint64_t kb = 1024, mb = kb * kb;
    if (n >= 10 * mb)
        snprintf(buf, SIZE_TEXT, "%" PRIu64 "MB", (n + mb / 2) / mb);
    else
        snprintf(buf, SIZE_TEXT, "%" PRIu64 "KB", (n + kb / 2) / kb);
    return buf;
}

static void say_blind(struct proc *p, int errnum)
{
    struct memory_watch *w = &proc_sup(p)->memory;
    if (errnum == ENOENT || errnum == ESRCH || w->said)
        return;
    w->said = true;
    log_warn("%s: its memory cannot be looked at, so memory_high and memory_max do nothing: %s",
             proc_name(p), strerror(errnum));
}

static void end_it(struct proc *p, uint64_t use, uint64_t max)
{
    struct memory_watch *w = &proc_sup(p)->memory;
    char buf[SIZE_TEXT], lim[SIZE_TEXT];
    int pid = proc_life(p)->pid;
    unsigned i = 0;
    log_warn("killing: %s, it uses %s of memory, above memory_max=%s", proc_name(p),
             size_text(use, buf), size_text(max, lim));
    while (i + 1 < MEMORY_KILLED && w->killed[i] && w->killed[i] != pid)
        i++;
    w->killed[i] = pid;
    if (p->in_cgroup && cgroup_kill(&proc_sup(p)->cgroups, p->slot))
        return;
    if (kill(-pid, SIGKILL) < 0 && kill(pid, SIGKILL) < 0)
        log_warn("%s: cannot kill %d: %s", proc_name(p), pid, strerror(errno));
}

static void renew(struct proc *p, uint64_t use, uint64_t high)
{
    char buf[SIZE_TEXT], lim[SIZE_TEXT];
    log_warn("restarting: %s, it uses %s of memory, above memory_high=%s", proc_name(p),
             size_text(use, buf), size_text(high, lim));
    proc_feed(p, (struct proc_in){.event = PROC_EV_RESTART, .why = PROC_WHY_MEMORY});
}

/* ---- who has lost a parent ---- */

/* Our children that lead no program, in process groups of programs: the parent that they had there
 * is dead. */
struct strays {
    struct sup *sup;
    uint32_t n;
    struct {
        int pid, pgid;
    } v[STRAYS_MAX];
};

static bool add_stray(void *obj, int pid)
{
    struct strays *t = obj;
    struct kin k;
    if (procs_has_leader(t->sup, pid) || !children_stat(pid, &k) || k.zombie ||
        !procs_has_group(t->sup, k.pgid))
        return true;
    t->v[t->n].pid = pid;
    t->v[t->n++].pgid = k.pgid;
    return t->n < STRAYS_MAX;
}

static void find_strays(struct sup *s, struct strays *out)
{
    out->sup = s;
    out->n = 0;
    children_of_one(s->pid, add_stray, out);
}

/* All that are in its control group; -1: it has none. */
static int64_t use_of_group(const struct proc *p)
{
    char text[GROUP_TEXT];
    int64_t sum = 0;
    if (!p->in_cgroup || cgroup_pids(&proc_sup(p)->cgroups, p->slot, text, sizeof(text)) <= 0)
        return -1;
    for (char *at = text, *end;; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at || !*end) /* the last number may be cut */
            return sum;
        int64_t n = memuse_one((int)pid);
        sum += n > 0 ? n : 0;
    }
}

/* What the program uses: its control group; else its leader's tree, and those of its process group
 * who were left by their parents. */
static int64_t use_of(const struct proc *p, const struct strays *t)
{
    const struct proc_life *l = proc_life(p);
    int64_t all = use_of_group(p), sum = memuse_tree(l->pid);
    if (sum >= 0 && all >= sum)
        return all;
    for (uint32_t i = 0; sum >= 0 && i < t->n; i++) {
        int64_t n = t->v[i].pgid == l->pgid ? memuse_tree(t->v[i].pid) : 0;
        sum += n > 0 ? n : 0;
    }
    return sum;
}

static void look(struct proc *p, const struct strays *strays)
{
    struct memory_watch *w = &proc_sup(p)->memory;
    const struct proc_life *l = proc_life(p);
    uint64_t high, max;
    if (!l->pid || !limits_of(p, &high, &max))
        return;
    w->any = true;
    int64_t n = use_of(p, strays);
    if (n < 0) {
        say_blind(p, errno);
        return;
    }
    uint64_t use = (uint64_t)n, lowest = high ? high : max;
    w->close |= use > lowest / 2;
    if (max && use > max)
        end_it(p, use, max);
    else if (high && use > high && l->state == PROC_RUNNING)
        renew(p, use, high);
}

static void on_tick(struct sup *s)
{
    struct memory_watch *w = &s->memory;
    struct strays strays;
    struct group *g;
    uint32_t at = 0, end = w->next + AT_ONCE;
    mono_t began = mono_now();
    find_strays(s, &strays);
    TAILQ_FOREACH (g, &s->groups, link) {
        for (uint32_t i = 0; i < g->nprocs && at < end; i++, at++) {
            if (at < w->next)
                continue;
            look(g->procs[i], &strays);
            if (mono_sub(mono_now(), began).ns > LONG.ns)
                end = at + 1;
        }
    }
    w->next = at;
    if (at == end) {
        loop_timer_at(&w->timer, mono_add(mono_now(), BREATH));
        return;
    }
    if (w->any)
        loop_timer_at(&w->timer, mono_add(mono_now(), w->close ? NEAR : CALM));
    w->any = w->close = false;
    w->next = 0;
}

void memory_init(struct sup *s)
{
    LOOP_TIMER(&s->memory.timer, s->loop, on_tick, s);
}

void memory_fini(struct sup *s)
{
    loop_timer_stop(&s->memory.timer);
}

/* ---- limits that the kernel keeps ---- */

static bool has_max(const struct gen *g)
{
    const struct gen_proc *v = gen_procs(g);
    for (uint32_t i = 0; i < g->nprocs; i++) {
        goff off = gen_opts(g, v + i)->attrs;
        const struct attrs *a = off ? gen_at(g, off) : NULL;
        if (a && (a->set & ATTR_BIT(ATTR_MEMORY_MAX)))
            return true;
    }
    return false;
}

void memory_groups(struct sup *s)
{
    if (has_max(s->gen->gen) && cgroups_take_memory(&s->cgroups))
        log_info("memory_max is kept by the kernel, in control groups");
}

/* In a helper: all that may take long, as it is by now. */
static int lower_limits(struct sup *s)
{
    uint64_t high, max;
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (p->in_cgroup && limits_of(p, &high, &max) &&
            cgroup_limit_waits(&s->cgroups, p->slot, max))
            cgroup_limit_memory(&s->cgroups, p->slot, max);
    return 0;
}

static void keep_limit(struct proc *p);

static void limits_lowered(struct sup *s, int status)
{
    bool again = s->memory.again;
    (void)status; /* above a limit that the kernel does not keep they are killed by us */
    s->memory.lowering = s->memory.again = false;
    for (struct proc *p = again ? procs_first(s) : NULL; p; p = procs_next(p))
        if (p->in_cgroup)
            keep_limit(p);
    s->memory.again = false; /* a new helper knows of all of them */
}

static void begin_lowering(struct proc *p)
{
    struct err e;
    struct sup *s = proc_sup(p);
    int pid = helper_run(s, (helper_child_fn *)lower_limits, (helper_done_fn *)limits_lowered, s,
                         LOWERING_LIMIT, &e);
    s->memory.lowering = pid > 0;
    if (pid < 0 && LOG_LIMIT(60))
        log_warn("%s: memory_max is not lowered in its control group: %s", proc_name(p), e.msg);
}

/* One helper at a time: what changes meanwhile is looked at again, since it writes what it knew. */
static void keep_limit(struct proc *p)
{
    uint64_t high, max;
    struct sup *s = proc_sup(p);
    limits_of(p, &high, &max);
    s->memory.again = s->memory.lowering;
    if (!cgroup_limit_waits(&s->cgroups, p->slot, max))
        cgroup_limit_memory(&s->cgroups, p->slot, max);
    else if (!s->memory.lowering)
        begin_lowering(p);
}

void memory_fresh_group(struct proc *p)
{
    uint64_t high, max;
    struct cgroups *c = &proc_sup(p)->cgroups;
    if (!c->memory || !limits_of(p, &high, &max))
        return;
    cgroup_remove(c, p->slot); /* unless somebody is in it */
    int fd = cgroup_enter(c, p->slot);
    if (fd)
        close(fd);
    keep_limit(p);
}

void memory_watch(struct proc *p)
{
    struct memory_watch *w = &proc_sup(p)->memory;
    uint64_t high, max;
    bool any = limits_of(p, &high, &max);
    if (p->in_cgroup)
        keep_limit(p);
    if (any && !loop_timer_active(&w->timer))
        loop_timer_at(&w->timer, mono_add(mono_now(), FIRST));
}

static bool was_killed(struct memory_watch *w, int pid)
{
    for (unsigned i = 0; i < MEMORY_KILLED; i++) {
        if (w->killed[i] != pid)
            continue;
        w->killed[i] = 0;
        return true;
    }
    return false;
}

int memory_reason(struct proc *p, int status)
{
    struct sup *s = proc_sup(p);
    const struct proc_life *l = proc_life(p);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    bool stopping = l->state == PROC_STOPPING, above = was_killed(&s->memory, l->pid);
    /* what we killed needs no other reason */
    bool ours = above || (stopping && l->kills);
    bool struck = oom_struck(&s->oom, killed && !ours, mono_now());
    enum cgroup_oom by =
        killed && p->in_cgroup ? cgroup_oom(&s->cgroups, p->slot) : CGROUP_OOM_NONE;
    if (killed && (above || by == CGROUP_OOM_LIMIT))
        return status | PROC_STATUS_MAX;
    if (struck || (by == CGROUP_OOM_ABOVE && !ours))
        return status | PROC_STATUS_OOM;
    return stopping && l->why == PROC_WHY_MEMORY ? status | PROC_STATUS_HIGH : status;
}

void memory_explain(const struct proc *p, struct str *out)
{
    char buf[SIZE_TEXT];
    uint64_t high, max;
    int pid = proc_life(p)->pid;
    if (!pid || !limits_of(p, &high, &max))
        return;
    struct strays strays;
    find_strays(proc_sup(p), &strays);
    int64_t use = use_of(p, &strays);
    if (use >= 0)
        str_printf(out, " It uses %s of memory;", size_text((uint64_t)use, buf));
    else
        str_printf(out, " Its memory cannot be looked at (%s);", strerror(errno));
    if (high)
        str_printf(out, " above %s (memory_high) it is started again%s", size_text(high, buf),
                   max ? "," : ".");
    if (max)
        str_printf(out, " above %s (memory_max) it is killed.", size_text(max, buf));
}
