/* The way down. */
#include "supervisor/run/shutdown.h"
#include "supervisor/base/log.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/errand.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/leftovers.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/pidfile.h"
#include "supervisor/run/publish.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/servers.h"
#include "supervisor/run/upstream.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum phase {
    PHASE_NONE,
    PHASE_GROUPS,
    PHASE_LAST,
    PHASE_AGENT,
    PHASE_PIDFILE, /* after LOGS: whoever waits for its end finds all of the log */
    PHASE_LOGS,
    PHASE_END,
    PHASE_HOOKS,   /* between LAST and AGENT */
    PHASE_RESTART, /* as GROUPS, and then everything is started anew */
};

#define PIDFILE_LIMIT DUR_S(1)
#define HOOKS_LIMIT DUR_S(5) /* for hooks that still run, or wait, when all programs are down */
#define REPORT_EACH DUR_S(3)
#define KILL_LIMIT DUR_S(2) /* for what SIGKILL needs, once the time is over */

static void next_phase(struct sup *s);

static void arm(struct sup *s, mono_t due)
{
    loop_timer_at(&s->shutdown_timer, due);
    s->stop_due = due;
    sup_note(s);
}

static void each_up(struct sup *s, int32_t from_priority, void (*fn)(struct proc *p))
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (p->group->priority >= from_priority && !proc_is_down(p))
            fn(p);
}

/* What others need comes after them, whatever the priorities say. */
static void mark_needed(struct sup *s)
{
    if (s->order.n)
        order_mark_needed(s, false);
}

static void hasten_all(struct sup *s)
{
    if (s->sweeper)
        kill(s->sweeper, SIGTERM);
    each_up(s, INT32_MIN, proc_shut);
    each_up(s, INT32_MIN, proc_hasten);
}

/* What could not be signalled is not waited for: as in Supervisor, UNKNOWN is as good as down. */
static bool is_over(const struct proc *p)
{
    return proc_is_down(p) || proc_life(p)->state == PROC_UNKNOWN;
}

/* Who is still there, as far as a line takes them. */
static void report(struct sup *s)
{
    char names[512];
    size_t len = 0;
    unsigned more = 0;
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        const char *name = proc_name(p);
        if (is_over(p))
            continue;
        if (more || len + strlen(name) + 3 > sizeof(names))
            more++;
        else
            len +=
                (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", name);
    }
    if (more)
        log_info("waiting for %.*s and %u more to die", (int)len, names, more);
    else if (len)
        log_info("waiting for %.*s to die", (int)len, names);
    if (len)
        loop_timer_at(&s->report_timer, mono_add(mono_now(), REPORT_EACH));
}

static void log_survivors(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        if (proc_life(p)->state == PROC_UNKNOWN)
            log_error("%s (pid %d) could not be signalled; going on without it", proc_name(p),
                      proc_life(p)->pid);
        else if (!proc_is_down(p))
            log_error("%s (pid %d) did not end, not even by SIGKILL", proc_name(p),
                      proc_life(p)->pid);
    }
}

/* From here on it takes no longer than a KILL. */
static void kill_rest(struct sup *s)
{
    s->stop_phase = PHASE_LAST;
    arm(s, mono_add(mono_now(), KILL_LIMIT)); /* also notes the phase: a successor goes on there */
    hasten_all(s);
}

/* What was frozen with us has not had its time: true if it has it again, once. */
static bool forgive(struct sup *s)
{
    mono_t now = mono_now();
    dur_t more = due_forgiven(s->shutdown_due, now);
    s->shutdown_due = MONO_NEVER;
    if (more.ns)
        arm(s, mono_add(now, more));
    return more.ns != 0;
}

static void on_timer(struct sup *s)
{
    if (s->stop_phase == PHASE_GROUPS && forgive(s))
        return;
    if (s->stop_phase == PHASE_GROUPS) {
        log_warn("shutdown_timeout is over: killing what is left");
        kill_rest(s);
        return;
    }
    next_phase(s);
}

/* those without a process of their own will not be started any more: end them now */
static void end_idle(struct proc *p)
{
    if (!proc_life(p)->pid)
        proc_shut(p);
}

static void begin(struct sup *s, enum phase phase)
{
    s->mood = SUP_STOPPING;
    s->stop_phase = phase;
    s->stop_priority = INT32_MAX;
    sup_note(s);
    LOOP_TIMER(&s->shutdown_timer, s->loop, on_timer, s);
    LOOP_TIMER(&s->report_timer, s->loop, report, s);
}

static void tell_stopping(struct sup *s)
{
    publish_mood(s, "stopping");
    listeners_tell(s, EVENT_SUPERVISOR_STOPPING, "", 0);
}

/* Now that it was told and noted. */
static void go_down(struct sup *s)
{
    report(s); /* names those that wait for a retry, too */
    if (s->sweeper)
        log_info("waiting for what a supervisor that is gone has left to die");
    each_up(s, INT32_MIN, end_idle);
    loop_defer(s->loop, &s->settle);
}

void shutdown_begin(struct sup *s, int exit_code, const char *why)
{
    bool restarts = shutdown_is_restart(s);
    if (s->mood == SUP_STOPPING && !restarts) {
        if (s->stop_phase == PHASE_GROUPS) {
            log_warn("%s again: killing what is left", why);
            kill_rest(s);
        } else if (s->stop_phase == PHASE_HOOKS) {
            next_phase(s);
        }
        return;
    }
    log_warn("%s", why);
    if (restarts)
        loop_timer_stop(&s->report_timer);
    s->exit_code = exit_code;
    begin(s, PHASE_GROUPS);
    if (!restarts)
        tell_stopping(s);
    upstream_stopping(s, why);
    int64_t limit = s->gen ? s->gen->gen->supd.shutdown_timeout_ns : 0;
    s->shutdown_due = limit >= 0 ? mono_add(mono_now(), (dur_t){limit}) : MONO_NEVER;
    if (limit >= 0)
        arm(s, s->shutdown_due);
    go_down(s);
}

bool shutdown_is_restart(const struct sup *s)
{
    return s->mood == SUP_STOPPING && s->stop_phase == PHASE_RESTART;
}

bool shutdown_is_past_hooks(const struct sup *s)
{
    return s->mood == SUP_STOPPING && s->stop_phase >= PHASE_AGENT && s->stop_phase <= PHASE_END;
}

/* Each program has its stopwaitsecs, and nothing else hastens it. */
void shutdown_restart(struct sup *s)
{
    begin(s, PHASE_RESTART);
    tell_stopping(s);
    go_down(s);
}

static void end_restart(struct sup *s)
{
    loop_timer_stop(&s->report_timer);
    s->stop_phase = PHASE_NONE;
    s->mood = SUP_RUNNING;
    sup_note(s);
    publish_mood(s, "running");
    reload_restarted(s);
}

static bool group_is_over(const struct group *g)
{
    for (uint32_t i = 0; i < g->nprocs; i++)
        if (!is_over(g->procs[i]))
            return false;
    return true;
}

/* the highest priority below a limit of a group that is not over; false: there is none */
static bool highest_up(struct sup *s, int64_t below, int32_t *out_priority)
{
    struct group *g;
    bool any = false;
    TAILQ_FOREACH (g, &s->groups, link)
        if (g->priority < below && !group_is_over(g)) {
            *out_priority = g->priority;
            any = true;
        }
    return any;
}

static bool is_stopping(const struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    return l->state == PROC_STOPPING && !l->want && !l->restart;
}

/* unless it is on its way already, as our predecessor left it, or its turn has not come */
static void shut(struct proc *p)
{
    if (!is_stopping(p) && !p->needed)
        proc_shut(p);
}

static void shut_from(struct sup *s, int32_t priority)
{
    s->stop_priority = priority;
    sup_note(s);
    log_info("stopping the programs of priority %" PRId32, priority);
    mark_needed(s);
    each_up(s, priority, shut);
    loop_defer(s->loop, &s->settle);
}

/* of the priorities whose turn has come: those that were needed, and are not any more */
static void shut_unneeded(struct proc *p)
{
    if (!is_over(p) && !is_stopping(p) && !proc_life(p)->sweep)
        shut(p);
}

static bool any_stopping(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (is_stopping(p) || proc_life(p)->sweep)
            return true;
    return false;
}

/* A program whose turn has come may be needed by one of a lower priority: then its turn comes. */
static void shut_in_order(struct sup *s)
{
    int32_t priority;
    mark_needed(s);
    each_up(s, s->stop_priority, shut_unneeded);
    while (!any_stopping(s) && highest_up(s, s->stop_priority, &priority)) {
        if (listeners_hold(s, priority))
            return;
        shut_from(s, priority);
    }
    if (!any_stopping(s)) /* they need each other in a circle */
        each_up(s, s->stop_priority, proc_shut);
}

static void step_groups(struct sup *s)
{
    int32_t priority = 0;
    if (!highest_up(s, INT64_MAX, &priority)) {
        if (!s->sweeper)
            next_phase(s);
        return;
    }
    if (s->stop_phase == PHASE_LAST)
        return;
    if (priority < s->stop_priority && listeners_hold(s, priority))
        return;
    else if (priority < s->stop_priority)
        shut_from(s, priority);
    else if (s->order.n)
        shut_in_order(s);
}

/* Hooks about the last ends have some time, but none beyond shutdown_timeout. */
static void end_groups(struct sup *s)
{
    bool killed = s->stop_phase == PHASE_LAST;
    loop_timer_stop(&s->report_timer);
    log_survivors(s);
    s->stop_phase = PHASE_HOOKS;
    if (killed || !errands_only_ends(s)) {
        next_phase(s);
        return;
    }
    mono_t due = mono_add(mono_now(), HOOKS_LIMIT);
    arm(s, s->shutdown_due.ns ? mono_min(due, s->shutdown_due) : due);
}

static void end_hooks(struct sup *s)
{
    errands_end(s);
    s->stop_phase = PHASE_AGENT;
    arm(s, mono_add(mono_now(), DUR_S(2)));
    publish_rest(s); /* the agent has to hear why */
    agent_close(s->agent, (loop_fn *)next_phase, s);
}

static void end_agent(struct sup *s)
{
    s->stop_phase = PHASE_LOGS;
    helpers_end(s);
    log_info("supd ends");
    arm(s, mono_add(mono_now(), DUR_MS(500)));
    log_setup(2, LVL_WARN, false);
    if (s->logs)
        logs_finish(s->logs, (loop_fn *)next_phase, s);
    else
        next_phase(s); /* the configuration was never read */
}

static void pidfile_removed(struct sup *s, int status)
{
    (void)status;
    next_phase(s);
}

static void paths_removed(struct sup *s, int status)
{
    (void)status;
    if (pidfile_remove(s, pidfile_removed))
        arm(s, mono_add(mono_now(), PIDFILE_LIMIT));
    else
        next_phase(s);
}

static void end_logs(struct sup *s)
{
    s->stop_phase = PHASE_PIDFILE;
    if (!servers_remove(s, paths_removed))
        paths_removed(s, 0);
}

static void next_phase(struct sup *s)
{
    loop_timer_stop(&s->shutdown_timer);
    switch (s->stop_phase) {
    case PHASE_GROUPS:
    case PHASE_LAST:
        end_groups(s);
        break;
    case PHASE_RESTART:
        end_restart(s);
        break;
    case PHASE_HOOKS:
        end_hooks(s);
        break;
    case PHASE_AGENT:
        end_agent(s);
        break;
    case PHASE_LOGS:
        end_logs(s);
        break;
    case PHASE_PIDFILE:
        s->stop_phase = PHASE_END;
        leftovers_kill(s);
        loop_stop(s->loop);
        break;
    default:
        break;
    }
}

void shutdown_step(struct sup *s)
{
    if (s->stop_phase == PHASE_GROUPS || s->stop_phase == PHASE_LAST ||
        s->stop_phase == PHASE_RESTART)
        step_groups(s);
    else if (s->stop_phase == PHASE_HOOKS && !errands_any(s))
        next_phase(s);
}

/* What a phase began with is done again: it does no harm twice. */
void shutdown_go_on(struct sup *s)
{
    LOOP_TIMER(&s->shutdown_timer, s->loop, on_timer, s);
    LOOP_TIMER(&s->report_timer, s->loop, report, s);
    s->stop_priority = INT32_MAX;
    if (s->stop_phase == PHASE_RESTART) {
        go_down(s);
        return;
    }
    if (s->stop_phase == PHASE_HOOKS)
        s->stop_phase = PHASE_GROUPS;
    if (s->stop_phase == PHASE_GROUPS || s->stop_phase == PHASE_LAST) {
        arm(s, s->stop_due);
        if (s->stop_phase == PHASE_LAST)
            hasten_all(s);
        go_down(s);
        return;
    }
    s->stop_phase = s->stop_phase == PHASE_AGENT     ? PHASE_GROUPS
                    : s->stop_phase == PHASE_PIDFILE ? PHASE_LOGS
                                                     : PHASE_AGENT;
    next_phase(s);
}
