/* The deadlines of all processes: a binary heap and the timer for its first one. */
#include "supervisor/run/due.h"
#include "supervisor/run/procs.h"

#include <stdlib.h>

static void put(struct due_list *d, uint32_t i, struct due x)
{
    d->v[i] = x;
    x.p->due = i + 1;
}

/* Finds the place of x, from the free place i upwards or downwards. */
static void settle(struct due_list *d, uint32_t i, struct due x)
{
    for (uint32_t up; i && d->v[up = (i - 1) / 2].at.ns > x.at.ns; i = up)
        put(d, i, d->v[up]);
    for (uint32_t down; (down = 2 * i + 1) < d->n; i = down) {
        down += down + 1 < d->n && d->v[down + 1].at.ns < d->v[down].at.ns;
        if (d->v[down].at.ns >= x.at.ns)
            break;
        put(d, i, d->v[down]);
    }
    put(d, i, x);
}

static void take_out(struct due_list *d, struct proc *p)
{
    uint32_t i = p->due - 1;
    p->due = 0;
    if (i != --d->n)
        settle(d, i, d->v[d->n]);
}

static void arm(struct due_list *d)
{
    loop_timer_at(&d->timer, d->n ? d->v[0].at : (mono_t){0});
}

void due_at(struct due_list *d, struct proc *p, mono_t deadline)
{
    if (p->due && d->v[p->due - 1].at.ns == deadline.ns)
        return;
    if (p->due)
        take_out(d, p);
    if (deadline.ns)
        settle(d, d->n++, (struct due){deadline, p});
    arm(d);
}

/* A deadline that is over again at once waits for another turn, or it could hold the loop. */
static void on_timer(struct due_list *d)
{
    mono_t now = loop_now(d->loop);
    for (uint32_t left = d->n; left && d->n && mono_reached(d->v[0].at, now); left--) {
        struct proc *p = d->v[0].p;
        take_out(d, p);
        d->fn(p);
    }
    arm(d);
}

void due_init(struct due_list *d, struct loop *l, void (*fn)(struct proc *p))
{
    *d = (struct due_list){.loop = l, .fn = fn};
    LOOP_TIMER(&d->timer, l, on_timer, d);
}

void due_fini(struct due_list *d)
{
    loop_timer_stop(&d->timer);
    free(d->v);
    d->v = NULL;
    d->n = d->room = 0;
}

#define FROZEN DUR_S(1)
#define FORGIVEN_MAX DUR_S(5)

dur_t due_forgiven(mono_t deadline, mono_t now)
{
    dur_t late = mono_sub(now, deadline);
    if (!deadline.ns || late.ns <= FROZEN.ns)
        return (dur_t){0};
    return late.ns < FORGIVEN_MAX.ns ? late : FORGIVEN_MAX;
}

int due_reserve(struct due_list *d, uint32_t n)
{
    if (n <= d->room)
        return 0;
    uint32_t room = n + n / 4 + 64;
    struct due *v = realloc(d->v, room * sizeof(*v));
    if (!v)
        return -1;
    d->v = v;
    d->room = room;
    return 0;
}
