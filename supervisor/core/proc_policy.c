/* The process machine under a changed configuration: a wait under way becomes as long as the new
 * one says, counted from its beginning. */
#include "supervisor/core/proc_step.h"

#define NO_JITTER (UINT32_MAX / 2)

static int64_t at_least_0(dur_t d)
{
    return d.ns > 0 ? d.ns : 0;
}

/* The deadline of a wait whose length changes; not before now. */
static void resize(const struct step *s, mono_t *due, dur_t was, dur_t is)
{
    int64_t longer = at_least_0(is) - at_least_0(was);
    if (!due->ns || !longer)
        return;
    mono_t to = mono_add(*due, (dur_t){longer});
    *due = mono_reached(to, s->in->now) ? s->in->now : to;
}

/* ready_timeout is counted from the start */
static void new_timeout(struct step *s)
{
    mono_t to = mono_add(s->l->started, s->p->ready_timeout);
    if (s->p->ready_timeout.ns <= 0)
        s->l->due = MONO_NEVER;
    else
        s->l->due = mono_reached(to, s->in->now) ? s->in->now : to;
}

/* ---- the stop sequence ---- */

/* KILL was the last signal of the sequence: no other follows. */
static bool killed(const struct step *s)
{
    return s->l->kills && s->l->stop_step >= s->in->was->nstops;
}

/* what follows the signal that was sent last */
static dur_t step_wait(const struct proc_policy *p, const struct proc_life *l)
{
    unsigned sent = l->stop_step < p->nstops ? l->stop_step : p->nstops;
    return p->stops[sent ? sent - 1 : 0].wait; /* ABRT has the first one's, too */
}

static void resize_step(struct step *s, mono_t *due)
{
    if (killed(s))
        s->l->stop_step = (uint8_t)s->p->nstops;
    else
        resize(s, due, step_wait(s->in->was, s->l), step_wait(s->p, s->l));
}

/* Leftovers that may stay now are let go. */
void proc_on_new_sweep(struct step *s)
{
    if (!s->l->sweep)
        return;
    if (s->p->orphans_kill)
        resize_step(s, &s->l->sweep_due);
    else
        proc_on_empty(s);
}

void proc_on_new_start(struct step *s)
{
    const struct proc_policy *was = s->in->was, *is = s->p;
    bool waited = was->told || was->once, waits = is->told || is->once;
    if (!s->l->pid)
        return;
    if (proc_is_overdue(is, s->l))
        resize_step(s, &s->l->due);
    else if (waits)
        new_timeout(s);
    else if (waited) /* it was started to be told of; now that it was up long enough counts */
        s->l->due = proc_after(s, is->startsecs);
    else
        resize(s, &s->l->due, was->startsecs, is->startsecs);
}

void proc_on_new_stop(struct step *s)
{
    bool first = s->in->commanding && !s->l->stop_step;
    if (s->l->pid && !first) /* a stop_command under way keeps its time */
        resize_step(s, &s->l->due);
    proc_on_new_sweep(s);
}

/* ---- waits for a retry ---- */

void proc_on_new_backoff(struct step *s)
{
    struct proc_life *l = s->l;
    resize(s, &l->due, proc_backoff(s->in->was, l->tries, NO_JITTER),
           proc_backoff(s->p, l->tries, NO_JITTER));
    proc_on_new_sweep(s);
}

void proc_on_new_fatal(struct step *s)
{
    struct proc_life *l = s->l;
    const struct proc_policy *was = s->in->was;
    dur_t had = {0};
    if (s->p->on_fatal != PROC_FATAL_RETRY)
        l->due = MONO_NEVER;
    else if (was->on_fatal == PROC_FATAL_RETRY)
        had = was->fatal_retry;
    else if (l->want && !l->restart)
        l->due = l->changed;
    resize(s, &l->due, had, s->p->fatal_retry);
    proc_on_new_sweep(s);
}
