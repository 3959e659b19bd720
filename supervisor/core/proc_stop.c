/* The process machine on its way down: the stop sequence, and the sweep of what a dead leader
 * leaves. */
#include "supervisor/core/proc_step.h"

#include <signal.h>

/* a group that is being ended is looked at after 10 ms, 20 ms, ... 500 ms */
#define POLL_FIRST DUR_MS(10)
#define POLL_MAX DUR_MS(500)
#define KILL_REPEAT_MIN DUR_S(1)
/* so long, at least, may a killed group take to go */
#define SWEEP_PATIENCE DUR_S(5)

static dur_t dur_at_least(dur_t a, dur_t b)
{
    return a.ns > b.ns ? a : b;
}

static void order_signal(struct step *s, int sig, bool group)
{
    s->out->signal = sig;
    s->out->signal_group = group;
    s->out->cont = sig != SIGKILL;
    if (sig == SIGKILL && s->l->kills < UINT8_MAX)
        s->l->kills++;
}

/* ---- leftovers of a dead leader's group ---- */

static void poll_soon(struct step *s)
{
    s->l->polls = 0;
    s->l->poll = proc_after(s, POLL_FIRST);
}

static void sweep_signal(struct step *s)
{
    struct proc_life *l = s->l;
    struct proc_stop_step step = {SIGKILL, s->p->stopwait};
    if (l->stop_step < s->p->nstops)
        step = s->p->stops[l->stop_step++];
    if (step.sig == SIGKILL)
        step.wait = dur_at_least(s->p->stopwait, SWEEP_PATIENCE);
    order_signal(s, step.sig, true);
    l->sweep_due = proc_after(s, step.wait);
    poll_soon(s);
}

/* KILL was sent, and no other signal follows */
static bool sweep_is_killed(const struct step *s)
{
    return s->l->kills && s->l->stop_step >= s->p->nstops;
}

void proc_sweep_begin(struct step *s)
{
    s->l->sweep = 1;
    s->l->stop_step = 0;
    s->l->kills = 0;
    sweep_signal(s);
}

/* The leader died of its stop: the rest of the group gets the signal of the current step unless it
 * had it already, and the schedule goes on. */
static void sweep_follow(struct step *s)
{
    struct proc_life *l = s->l;
    bool killed = sweep_is_killed(s);
    /* the policy may have changed since the last signal */
    unsigned sent = l->stop_step < s->p->nstops ? l->stop_step : s->p->nstops;
    int sig = killed ? SIGKILL : s->p->stops[sent - 1].sig;
    l->sweep = 1;
    l->sweep_due = killed ? proc_after(s, dur_at_least(s->p->stopwait, SWEEP_PATIENCE)) : l->due;
    l->due = MONO_NEVER;
    if (killed || !s->p->stopasgroup)
        order_signal(s, sig, true);
    poll_soon(s);
}

/* The process and its group are gone; a stop_command that still runs is waited for, since what it
 * does may not hit the next instance. */
static void stopped(struct step *s)
{
    if (s->in->commanding) {
        s->l->due = s->l->due.ns ? s->l->due : proc_after(s, KILL_REPEAT_MIN);
        return;
    }
    uint8_t held = s->l->restart;
    s->l->restart = HOLD_NONE;
    proc_change_to(s, PROC_STOPPED, PROC_WHY_STOPPED);
    if (held == HOLD_MEMORY)
        proc_begin_afresh(s);
    else if (held)
        proc_begin(s, PROC_WHY_OPERATOR);
}

/* what waited for the group goes on */
void proc_on_empty(struct step *s)
{
    struct proc_life *l = s->l;
    enum proc_why why = l->state == PROC_EXITED ? PROC_WHY_AUTORESTART : PROC_WHY_RETRY;
    l->sweep = 0;
    l->polls = 0;
    l->sweep_due = l->poll = MONO_NEVER;
    if (l->state == PROC_STOPPING)
        stopped(s);
    else if (l->restart)
        proc_begin(s, l->restart == HOLD_AUTO ? why : PROC_WHY_OPERATOR);
}

static void sweep_give_up(struct step *s)
{
    s->out->gave_up_sweep = true;
    proc_on_empty(s);
}

void proc_on_sweep_due(struct step *s)
{
    struct proc_life *l = s->l;
    if (mono_reached(l->sweep_due, s->in->now)) {
        if (sweep_is_killed(s)) {
            sweep_give_up(s);
            return;
        }
        sweep_signal(s);
    }
    if (mono_reached(l->poll, s->in->now)) {
        s->out->check_group = true;
        l->poll = proc_after(s, proc_doubled(POLL_FIRST, ++l->polls, POLL_MAX));
        if (l->polls > 10)
            l->polls = 10;
    }
}

/* ---- stopping ---- */

/* the next signal of the sequence, or KILL */
void proc_stop_signal(struct step *s)
{
    struct proc_life *l = s->l;
    struct proc_stop_step step = {SIGKILL, s->p->stopwait};
    if (l->stop_step < s->p->nstops)
        step = s->p->stops[l->stop_step++];
    else if (step.wait.ns <= 0)
        step.wait = KILL_REPEAT_MIN;
    bool killing = step.sig == SIGKILL;
    order_signal(s, step.sig,
                 killing ? s->p->killasgroup || s->p->orphans_kill : s->p->stopasgroup);
    l->due = proc_after(s, step.wait);
}

static void stopping(struct step *s)
{
    proc_change_to(s, PROC_STOPPING, proc_asked_by(s));
    s->l->stop_step = 0;
    s->l->kills = 0;
}

/* its command first, if it has one; the signals when that has ended, or after its time */
static void stop_begin(struct step *s)
{
    stopping(s);
    if (s->p->stop_command.ns <= 0) {
        proc_stop_signal(s);
        return;
    }
    s->out->command = true;
    s->l->due = proc_after(s, s->p->stop_command);
}

/* One that hangs was given ABRT and no stop_command: its time goes on. */
void proc_on_command(struct step *s)
{
    struct proc_life *l = s->l;
    if (!l->pid && !l->sweep)
        stopped(s);
    else if (l->pid && !l->stop_step && l->why != PROC_WHY_WATCHDOG)
        proc_stop_signal(s);
}

void proc_on_stop(struct step *s)
{
    struct proc_life *l = s->l;
    if (l->pid) {
        stop_begin(s);
        return;
    }
    s->out->cancel_spawn = l->spawning;
    l->spawning = 0;
    proc_change_to(s, PROC_STOPPED, proc_asked_by(s));
}

/* The answer to a spawn that was cancelled too late: the child is stopped like any other, but by
 * signals alone: it has not begun to work. */
void proc_on_stray(struct step *s)
{
    proc_adopt(s);
    stopping(s);
    proc_stop_signal(s);
}

/* stop, then start again; a start that has no process yet is as good as new */
void proc_on_again(struct step *s)
{
    struct proc_life *l = s->l;
    if (!l->pid && !l->sweep && l->state != PROC_STOPPING)
        return;
    l->restart = s->in->why == PROC_WHY_MEMORY ? HOLD_MEMORY : HOLD_OPERATOR;
    if (l->state != PROC_STOPPING)
        stop_begin(s);
}

void proc_on_unstop(struct step *s)
{
    s->l->restart = HOLD_NONE;
}

void proc_on_stop_due(struct step *s)
{
    struct proc_life *l = s->l;
    if (mono_reached(l->due, s->in->now)) {
        s->out->end_command = s->in->commanding;
        l->due = MONO_NEVER;
        if (l->pid)
            proc_stop_signal(s);
        else if (!l->sweep)
            stopped(s);
    }
    proc_on_sweep_due(s);
}

void proc_on_hasten(struct step *s)
{
    struct proc_life *l = s->l;
    mono_t last = sweep_is_killed(s) ? l->sweep_due : MONO_NEVER;
    s->out->end_command = s->in->commanding;
    l->stop_step = (uint8_t)s->p->nstops;
    if (l->pid)
        proc_stop_signal(s);
    else if (l->sweep)
        sweep_signal(s);
    if (l->sweep && last.ns)
        l->sweep_due = last; /* patience does not start anew */
}

/* The leader died before the stop sequence began: the rest of the group has all of it. A
 * stop_command under way keeps its time. */
static void sweep_anew(struct step *s)
{
    if (!s->in->commanding)
        s->l->due = MONO_NEVER;
    proc_sweep_begin(s);
}

void proc_on_stop_exit(struct step *s)
{
    if (s->l->restart == HOLD_HUNG) {
        proc_end_hung(s);
        return;
    }
    bool signalled = s->l->stop_step || s->l->kills; /* with the stop sequence */
    proc_bury(s);
    if (!proc_leftovers(s))
        stopped(s);
    else if (signalled)
        sweep_follow(s);
    else
        sweep_anew(s);
}

/* ---- ends of a wait ---- */

void proc_on_unhold(struct step *s)
{
    s->l->restart = HOLD_NONE;
    s->l->due = MONO_NEVER;
}

/* No start follows. What the last instance left goes on being ended, and that is part of the stop.
 */
void proc_on_calm(struct step *s)
{
    proc_on_unhold(s);
    proc_change_to(s, s->l->sweep ? PROC_STOPPING : PROC_STOPPED, proc_asked_by(s));
}

/* One that is down already, unless something of it is still there. */
void proc_on_rest(struct step *s)
{
    if (s->l->sweep)
        proc_on_calm(s);
    else
        proc_on_unhold(s);
}

void proc_on_calm_again(struct step *s)
{
    proc_on_calm(s);
    proc_begin(s, proc_asked_by(s));
}

/* as Supervisor: what waits for a retry ends FATAL at the shutdown; this counts as no fatal */
void proc_on_quit(struct step *s)
{
    proc_on_unhold(s);
    proc_change_to(s, PROC_FATAL, PROC_WHY_SHUTDOWN);
    s->l->tries = 0;
}

void proc_on_unfatal(struct step *s)
{
    if (s->l->due.ns)
        proc_on_calm(s);
    else
        proc_on_rest(s);
}

/* the process could not be signalled; leftovers of a dead one are let go */
void proc_on_lost(struct step *s)
{
    struct proc_life *l = s->l;
    if (!l->pid) {
        sweep_give_up(s);
        return;
    }
    s->out->end_command = s->in->commanding;
    l->restart = HOLD_NONE;
    proc_change_to(s, PROC_UNKNOWN, PROC_WHY_KILL_FAILED);
}
