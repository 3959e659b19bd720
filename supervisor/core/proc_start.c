/* The process machine on its way up: start, retry, give up, and deaths that nobody asked for. */
#include "supervisor/core/proc_step.h"

#include <string.h>
#include <sys/wait.h>

/* a refused spawn is tried again after 100 ms, 200 ms, ... 5 s */
#define DELAY_FIRST DUR_MS(100)
#define DELAY_MAX DUR_S(5)
/* the unit of proc_window */
#define WINDOW_TICK_NS INT64_C(62500000)

/* ---- the wait before a retry ---- */

#define WAIT_MAX (INT64_MAX / 4)

static int64_t clamp_wait(__int128 ns)
{
    return ns < 0 ? 0 : ns > WAIT_MAX ? WAIT_MAX : (int64_t)ns;
}

static int64_t geometric(int64_t ns, int factor_milli, uint32_t n)
{
    for (; n > 1; n--) {
        int64_t grown = clamp_wait((__int128)ns * factor_milli / 1000);
        if (grown == ns)
            break;
        ns = grown;
    }
    return ns;
}

dur_t proc_backoff(const struct proc_policy *p, uint32_t n, uint32_t random)
{
    int64_t ns = p->factor_milli ? geometric(clamp_wait(p->backoff.ns), p->factor_milli, n)
                                 : clamp_wait((__int128)p->backoff.ns * n);
    if (p->backoff_max.ns > 0 && ns > p->backoff_max.ns)
        ns = p->backoff_max.ns;
    /* from -jitter for 0 to +jitter for UINT32_MAX; after the cap, or all would meet there */
    int64_t side = 2 * (int64_t)random - UINT32_MAX;
    __int128 shift = (__int128)ns * p->jitter_milli / 1000 * side / UINT32_MAX;
    return (dur_t){clamp_wait(ns + shift)};
}

/* ---- starting ---- */

static void order_spawn(struct step *s)
{
    s->l->spawning = 1;
    s->l->due = MONO_NEVER;
    s->out->spawn = true;
}

void proc_begin(struct step *s, enum proc_why why)
{
    struct proc_life *l = s->l;
    if (l->sweep) {
        l->restart =
            why == PROC_WHY_RETRY || why == PROC_WHY_AUTORESTART ? HOLD_AUTO : HOLD_OPERATOR;
        l->due = MONO_NEVER;
        return;
    }
    s->pid = 0;
    proc_change_to(s, PROC_STARTING, why);
    l->restart = HOLD_NONE;
    l->delays = 0;
    l->again = 0;
    l->tries_up = 0;
    order_spawn(s);
}

void proc_on_begin(struct step *s)
{
    proc_begin(s, proc_asked_by(s));
}

void proc_adopt(struct step *s)
{
    struct proc_life *l = s->l;
    s->pid = l->pid = l->pgid = s->in->pid;
    l->spawning = 0;
    l->stop_step = 0;
    l->kills = 0;
    l->started = s->in->now;
    l->start_wall = s->in->wall;
    l->starts++;
    bool automatic = !l->again && (l->why == PROC_WHY_RETRY || l->why == PROC_WHY_AUTORESTART ||
                                   l->why == PROC_WHY_MEMORY);
    l->restarts += automatic;
    l->restarts_unexpected += automatic && !l->expected;
}

/* STARTING ends with what it is told, not with time */
static bool waits(const struct step *s)
{
    return s->p->told || s->p->once;
}

void proc_on_spawned(struct step *s)
{
    proc_adopt(s);
    if (!waits(s))
        s->l->due = proc_after(s, s->p->startsecs);
    else
        s->l->due = s->p->ready_timeout.ns > 0 ? proc_after(s, s->p->ready_timeout) : MONO_NEVER;
}

static void delay(struct step *s)
{
    struct proc_life *l = s->l;
    l->spawning = 0;
    l->due = proc_after(s, proc_doubled(DELAY_FIRST, l->delays, DELAY_MAX));
    if (l->delays < UINT8_MAX)
        l->delays++;
}

void proc_on_delayed(struct step *s)
{
    if (s->l->pid) {
        proc_bury(s);
        s->l->again = 1;
    }
    delay(s);
}

/* RUNNING was an error: its exec was still on the way, and there was no room for it */
void proc_on_delayed_up(struct step *s)
{
    struct proc_life *l = s->l;
    uint32_t tries = l->tries > l->tries_up ? l->tries : l->tries_up;
    proc_bury(s);
    l->tries = tries;
    proc_change_to(s, PROC_EXITED, PROC_WHY_CANNOT);
    s->pid = 0;
    proc_change_to(s, PROC_STARTING, PROC_WHY_RETRY);
    l->again = 1;
    delay(s);
}

/* retries are forgotten, but a start that turns out to have failed goes on from tries_up */
static void became_up(struct step *s, enum proc_why why)
{
    s->l->tries_up = s->l->tries;
    if (s->p->backoff_reset.ns <= 0)
        s->l->tries = 0;
    proc_change_to(s, PROC_RUNNING, why);
}

void proc_on_ready(struct step *s)
{
    if (s->p->told && !proc_is_overdue(s->p, s->l))
        became_up(s, PROC_WHY_READY);
}

/* It is stopped, and stays STARTING until that has ended it. */
void proc_on_unfit(struct step *s)
{
    if (waits(s) && !proc_is_overdue(s->p, s->l))
        proc_stop_signal(s);
}

void proc_on_start_due(struct step *s)
{
    if (!mono_reached(s->l->due, s->in->now))
        return;
    if (s->l->pid && waits(s))
        proc_stop_signal(s);
    else if (s->l->pid)
        became_up(s, PROC_WHY_UP);
    else
        order_spawn(s);
}

/* ---- giving up and trying again ---- */

/* notes a failure or an automatic restart; true if there are too many of them in the window */
static bool window_full(struct step *s)
{
    struct proc_life *l = s->l;
    uint32_t *at = s->in->window->at;
    uint32_t now = (uint32_t)(s->in->now.ns / WINDOW_TICK_NS);
    unsigned old = l->nwindow == PROC_WINDOW_MAX;
    while (old < l->nwindow && (now - at[old]) * WINDOW_TICK_NS >= s->p->retry_window.ns)
        old++;
    l->nwindow = (uint8_t)(l->nwindow - old);
    memmove(at, at + old, l->nwindow * sizeof(at[0]));
    at[l->nwindow++] = now;
    return l->nwindow == PROC_WINDOW_MAX || l->nwindow > s->p->startretries;
}

static void give_up(struct step *s, enum proc_why why)
{
    struct proc_life *l = s->l;
    proc_change_to(s, PROC_FATAL, why);
    l->fatals++;
    l->failures = why == PROC_WHY_WINDOW ? l->nwindow : l->tries;
    l->tries = 0;
    l->nwindow = 0;
    if (s->p->on_fatal == PROC_FATAL_RETRY)
        l->due = proc_after(s, s->p->fatal_retry);
}

void proc_begin_afresh(struct step *s)
{
    if (s->p->retry_window.ns > 0 && window_full(s))
        give_up(s, PROC_WHY_WINDOW);
    else
        proc_begin(s, PROC_WHY_MEMORY);
}

/* one failure more: BACKOFF, and FATAL behind it when the retries are used up */
static void fail(struct step *s, enum proc_why why)
{
    struct proc_life *l = s->l;
    if (l->tries < UINT32_MAX)
        l->tries++;
    proc_change_to(s, PROC_BACKOFF, why);
    if (s->p->retry_window.ns > 0) {
        if (window_full(s))
            give_up(s, PROC_WHY_WINDOW);
    } else if ((int64_t)l->tries > s->p->startretries) {
        give_up(s, PROC_WHY_RETRIES);
    }
    if (l->state == PROC_BACKOFF)
        l->due = proc_after(s, proc_backoff(s->p, l->tries, s->in->random));
}

/* ---- ends of an instance ---- */

static bool code_expected(const struct proc_policy *p, int status)
{
    unsigned code = (unsigned)WEXITSTATUS(status);
    return WIFEXITED(status) && p->exitcodes[code / 32] >> code % 32 & 1;
}

void proc_bury(struct step *s)
{
    struct proc_life *l = s->l;
    l->spawning = 0;
    l->expected = 0;
    if (!l->pid)
        return;
    l->pid = 0;
    l->exits++;
    l->stop_wall = s->in->wall;
    if (s->in->event == PROC_EV_EXITED) {
        s->out->exited = true;
        l->has_exit = 1;
        l->exit_status = s->in->status;
        l->expected = code_expected(s->p, s->in->status);
    }
    l->unexpected += !l->expected;
    dur_t reset = s->p->backoff_reset;
    if (reset.ns > 0 && mono_sub(s->in->now, l->started).ns >= reset.ns)
        l->tries = 0;
}

bool proc_leftovers(const struct step *s)
{
    return s->p->orphans_kill && s->in->group_alive;
}

static bool restart_wanted(const struct step *s)
{
    return s->l->want && !s->p->once &&
           (s->p->autorestart == PROC_RESTART_ALWAYS ||
            (s->p->autorestart == PROC_RESTART_UNEXPECTED && !s->l->expected));
}

void proc_on_exit_up(struct step *s)
{
    struct proc_life *l = s->l;
    dur_t up = mono_sub(s->in->now, l->started);
    proc_bury(s);
    if (proc_leftovers(s))
        proc_sweep_begin(s);
    if (s->p->backoff_reset.ns <= 0)
        l->tries = 0;
    proc_change_to(s, PROC_EXITED, PROC_WHY_EXIT);
    if (!restart_wanted(s))
        return;
    if (up.ns < s->p->backoff_reset.ns)
        fail(s, PROC_WHY_EXIT);
    else if (s->p->retry_window.ns > 0 && window_full(s))
        give_up(s, PROC_WHY_WINDOW);
    else
        proc_begin(s, PROC_WHY_AUTORESTART);
}

static void done(struct step *s)
{
    became_up(s, PROC_WHY_DONE);
    proc_bury(s);
    if (proc_leftovers(s))
        proc_sweep_begin(s);
    s->l->tries = 0;
    proc_change_to(s, PROC_EXITED, PROC_WHY_DONE);
}

static enum proc_why why_failed(const struct step *s)
{
    return proc_is_overdue(s->p, s->l) ? PROC_WHY_TIMEOUT
           : s->p->once                ? PROC_WHY_FAILED
           : s->p->told                ? PROC_WHY_UNREADY
                                       : PROC_WHY_QUICK;
}

void proc_on_start_exit(struct step *s)
{
    enum proc_why why = why_failed(s);
    if (why == PROC_WHY_QUICK && mono_reached(s->l->due, s->in->now)) {
        became_up(s, PROC_WHY_UP);
        proc_on_exit_up(s);
        return;
    }
    if (why == PROC_WHY_FAILED && code_expected(s->p, s->in->status)) {
        done(s);
        return;
    }
    proc_bury(s);
    s->l->expected = 0;
    if (proc_leftovers(s))
        proc_sweep_begin(s);
    fail(s, why);
}

void proc_on_cannot(struct step *s)
{
    struct proc_life *l = s->l;
    bool had_child = l->pid != 0;
    proc_bury(s);
    if (had_child && proc_leftovers(s))
        proc_sweep_begin(s);
    if (!l->want) {
        proc_change_to(s, PROC_EXITED, PROC_WHY_CANNOT);
        return;
    }
    if (l->tries < l->tries_up)
        l->tries = l->tries_up; /* RUNNING was an error */
    fail(s, PROC_WHY_CANNOT);
}

void proc_on_retry_due(struct step *s)
{
    if (mono_reached(s->l->due, s->in->now))
        proc_begin(s, PROC_WHY_RETRY);
    proc_on_sweep_due(s);
}
