/* The process machine: the table of state x event, and the step through it. */
#include "supervisor/core/proc_step.h"

#include <string.h>

/* The whole behaviour; "_": that event changes nothing in that state. */
#define ROW(stt, start_, stop_, restart_, shutdown_, hasten_, spawned_, delayed_, cannot_,         \
            exited_, empty_, lost_, timer_, ready_, unfit_, hung_, extend_, policy_, command_)     \
    [ROW_##                                                                                        \
        stt] = {[PROC_EV_START] = proc_on_##start_,      [PROC_EV_STOP] = proc_on_##stop_,         \
                [PROC_EV_RESTART] = proc_on_##restart_,  [PROC_EV_SHUTDOWN] = proc_on_##shutdown_, \
                [PROC_EV_HASTEN] = proc_on_##hasten_,    [PROC_EV_SPAWNED] = proc_on_##spawned_,   \
                [PROC_EV_DELAYED] = proc_on_##delayed_,  [PROC_EV_CANNOT] = proc_on_##cannot_,     \
                [PROC_EV_EXITED] = proc_on_##exited_,    [PROC_EV_GROUP_EMPTY] = proc_on_##empty_, \
                [PROC_EV_KILL_FAILED] = proc_on_##lost_, [PROC_EV_TIMER] = proc_on_##timer_,       \
                [PROC_EV_READY] = proc_on_##ready_,      [PROC_EV_UNFIT] = proc_on_##unfit_,       \
                [PROC_EV_HUNG] = proc_on_##hung_,        [PROC_EV_EXTEND] = proc_on_##extend_,     \
                [PROC_EV_POLICY] = proc_on_##policy_,    [PROC_EV_COMMAND] = proc_on_##command_}
#define proc_on__ NULL
enum {
    ROW_STOPPED,
    ROW_STARTING,
    ROW_RUNNING,
    ROW_BACKOFF,
    ROW_STOPPING,
    ROW_EXITED,
    ROW_FATAL,
    ROW_UNKNOWN,
    NROWS
};
/* clang-format off */
static proc_handler *const table[NROWS][PROC_NEVENTS] = {
/*            START  STOP     RESTART     SHUTDOWN  HASTEN  SPAWNED  DELAYED     CANNOT     EXITED      EMPTY  KILL_FAILED  TIMER      READY  UNFIT  HUNG  EXTEND  POLICY       COMMAND */
ROW(STOPPED,  begin, rest,    begin,      unhold,  hasten, stray,   _,          _,         _,          empty, lost,       sweep_due, _,     _,     _,    _,      new_sweep,   _),
ROW(STARTING, _,     stop,    again,      stop,    _,      spawned, delayed,    cannot,    start_exit, _,     lost,       start_due, ready, unfit, _,    extend, new_start,   _),
ROW(RUNNING,  _,     stop,    again,      stop,    _,      _,       delayed_up, cannot,    exit_up,    _,     lost,       _,         _,     _,     hung, _,      _,           _),
ROW(BACKOFF,  _,     calm,    calm_again, quit,    hasten, _,       _,          _,         _,          empty, lost,       retry_due, _,     _,     _,    _,      new_backoff, _),
ROW(STOPPING, again, unstop,  again,      unstop,  hasten, _,       stop_exit,  stop_exit, stop_exit,  empty, lost,       stop_due,  _,     _,     _,    extend, new_stop,    command),
ROW(EXITED,   begin, rest,    begin,      unhold,  hasten, _,       _,          _,         _,          empty, lost,       sweep_due, _,     _,     _,    _,      new_sweep,   _),
ROW(FATAL,    begin, unfatal, begin,      unhold,  hasten, _,       _,          _,         _,          empty, lost,       retry_due, _,     _,     _,    _,      new_fatal,   _),
ROW(UNKNOWN,  _,     _,       _,          _,       _,      _,       cannot,     cannot,    exit_up,    _,     _,          _,         _,     _,     _,    _,      _,           _),
};
/* clang-format on */
#undef proc_on__
#undef ROW

static const uint16_t row_state[NROWS] = {
    [ROW_STOPPED] = PROC_STOPPED, [ROW_STARTING] = PROC_STARTING, [ROW_RUNNING] = PROC_RUNNING,
    [ROW_BACKOFF] = PROC_BACKOFF, [ROW_STOPPING] = PROC_STOPPING, [ROW_EXITED] = PROC_EXITED,
    [ROW_FATAL] = PROC_FATAL,     [ROW_UNKNOWN] = PROC_UNKNOWN,
};

static unsigned row_of(unsigned state)
{
    unsigned row = NROWS - 1;
    while (row && row_state[row] != state)
        row--;
    return row;
}

/* What an event is about: without any of these it changes nothing. */
enum { A_CHILD = 1, A_REQUEST = 2, A_SWEEP = 4, A_STOP = 8, A_PLACE = 16 };

static const uint8_t about[PROC_NEVENTS] = {
    [PROC_EV_SPAWNED] = A_PLACE,
    [PROC_EV_DELAYED] = A_REQUEST | A_CHILD,
    [PROC_EV_CANNOT] = A_REQUEST | A_CHILD,
    [PROC_EV_EXITED] = A_CHILD,
    [PROC_EV_KILL_FAILED] = A_CHILD | A_SWEEP,
    [PROC_EV_READY] = A_CHILD,
    [PROC_EV_UNFIT] = A_CHILD,
    [PROC_EV_HUNG] = A_CHILD,
    [PROC_EV_EXTEND] = A_CHILD,
    [PROC_EV_HASTEN] = A_SWEEP | A_STOP,
    [PROC_EV_GROUP_EMPTY] = A_SWEEP,
};

static bool applies(const struct proc_life *l, const struct proc_in *in)
{
    bool place = !l->pid && !l->sweep && in->pid > 0;
    unsigned there = (l->pid ? A_CHILD : 0) | (l->spawning ? A_REQUEST : 0) |
                     (l->sweep ? A_SWEEP : 0) | (l->state == PROC_STOPPING ? A_STOP : 0) |
                     (place ? A_PLACE : 0);
    return !about[in->event] || (about[in->event] & there);
}

void proc_change_to(struct step *s, enum proc_state to, enum proc_why why)
{
    struct proc_life *l = s->l;
    s->out->changes[s->out->nchanges++] = (struct proc_change){.from = l->state,
                                                               .to = (uint16_t)to,
                                                               .why = (uint16_t)why,
                                                               .tries = l->tries,
                                                               .pid = s->pid};
    l->state = (uint16_t)to;
    l->why = (uint16_t)why;
    l->changed = s->in->now;
    l->due = MONO_NEVER;
}

mono_t proc_after(const struct step *s, dur_t d)
{
    return d.ns > 0 ? mono_add(s->in->now, d) : s->in->now;
}

dur_t proc_doubled(dur_t first, unsigned n, dur_t max)
{
    int64_t ns = n < 20 ? first.ns << n : max.ns;
    return (dur_t){ns < max.ns ? ns : max.ns};
}

enum proc_why proc_asked_by(const struct step *s)
{
    if (s->in->event == PROC_EV_SHUTDOWN)
        return PROC_WHY_SHUTDOWN;
    enum proc_why why = s->in->why;
    bool said = why == PROC_WHY_BOOT || why == PROC_WHY_UPDATE || why == PROC_WHY_MEMORY;
    return said ? why : PROC_WHY_OPERATOR;
}

static void set_want(struct proc_life *l, enum proc_event ev)
{
    if (ev == PROC_EV_STOP || ev == PROC_EV_SHUTDOWN)
        l->want = 0;
    if ((ev == PROC_EV_START || ev == PROC_EV_RESTART) && l->state != PROC_UNKNOWN)
        l->want = 1;
}

void proc_init(struct proc_life *l)
{
    memset(l, 0, sizeof(*l));
}

void proc_begin_anew(struct proc_life *l)
{
    const struct proc_life was = *l;
    proc_init(l);
    l->starts = was.starts;
    l->restarts = was.restarts;
    l->exits = was.exits;
    l->fatals = was.fatals;
    l->unexpected = was.unexpected;
    l->restarts_unexpected = was.restarts_unexpected;
}

void proc_step(const struct proc_policy *p, struct proc_life *l, const struct proc_in *in,
               struct proc_out *out)
{
    struct step s = {.p = p, .l = l, .in = in, .out = out, .pid = l->pid};
    memset(out, 0, sizeof(*out));
    set_want(l, in->event);
    proc_handler *h = table[row_of(l->state)][in->event];
    if (h && applies(l, in))
        h(&s);
}

mono_t proc_next(const struct proc_life *l)
{
    return mono_min(l->due, mono_min(l->sweep_due, l->poll));
}

/* ---- what is told of it ---- */

static bool waits(const struct proc_policy *p)
{
    return p->told || p->once;
}

bool proc_is_overdue(const struct proc_policy *p, const struct proc_life *l)
{
    return waits(p) && l->state == PROC_STARTING && l->pid && (l->stop_step || l->kills);
}

bool proc_is_done(const struct proc_policy *p, const struct proc_life *l)
{
    return p->once && l->state == PROC_EXITED && l->why == PROC_WHY_DONE;
}

/* ---- Supervisor's sets ---- */

bool proc_is_stopped(const struct proc_life *l)
{
    return l->state == PROC_STOPPED || l->state == PROC_EXITED || l->state == PROC_FATAL ||
           l->state == PROC_UNKNOWN;
}

bool proc_is_running(const struct proc_life *l)
{
    return l->state == PROC_STARTING || l->state == PROC_RUNNING || l->state == PROC_BACKOFF;
}

bool proc_is_signallable(const struct proc_life *l)
{
    return l->state == PROC_STARTING || l->state == PROC_RUNNING || l->state == PROC_STOPPING;
}
