/* Looks at what programs with memory_high or memory_max use: each 5 s, each second while one of
 * them uses more than half of what it may. Above memory_high a program is stopped and started
 * again, as by hand; above memory_max it is killed, and what follows is as after any other death.
 */
#include "supervisor/run/memory.h"
#include "supervisor/base/log.h"
#include "supervisor/core/attrs.h"
#include "supervisor/io/memuse.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/oom.h"
#include "supervisor/run/procs_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define FIRST DUR_S(1) /* a program that only just begins has not taken its memory yet */
#define CALM DUR_S(5)
#define NEAR DUR_S(1)
/* So many processes, or so long, at once, then what else there is to do. */
enum { AT_ONCE = 32, SIZE_TEXT = 24 };
#define LONG DUR_MS(2)
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

static void look(struct proc *p)
{
    struct memory_watch *w = &proc_sup(p)->memory;
    const struct proc_life *l = proc_life(p);
    uint64_t high, max;
    if (!l->pid || !limits_of(p, &high, &max))
        return;
    w->any = true;
    int64_t n = memuse_tree(l->pid);
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
    struct group *g;
    uint32_t at = 0, end = w->next + AT_ONCE;
    mono_t began = mono_now();
    TAILQ_FOREACH (g, &s->groups, link) {
        for (uint32_t i = 0; i < g->nprocs && at < end; i++, at++) {
            if (at < w->next)
                continue;
            look(g->procs[i]);
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

void memory_watch(struct proc *p)
{
    struct memory_watch *w = &proc_sup(p)->memory;
    uint64_t high, max;
    if (limits_of(p, &high, &max) && !loop_timer_active(&w->timer))
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
    if (above && killed)
        return status | PROC_STATUS_MAX;
    if (struck)
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
    int64_t use = memuse_tree(pid);
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
