/* The twin of io/loop.h: time passes only when nothing else is to do, and then to the next deadline
 * of a timer or of the simulated kernel. Descriptors are never ready. */
#include "supervisor/io/loop.h"

#include "tests/fake/fake.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

/* so many turns in a millisecond are no work any more */
#define SPIN_LIMIT 20000u

struct timer {
    LIST_ENTRY(timer) link;
    mono_t deadline;
    uint64_t turn; /* in which it was set: it fires in a later one */
    bool active;
};
_Static_assert(sizeof(struct timer) <= sizeof(((struct loop_timer *)0)->ev), "loop_timer.ev");
LIST_HEAD(timers, timer);

struct loop {
    struct timers timers;
    struct loop_defer *first, **last, *running;
    loop_fn *turn_fn;
    void *turn_obj;
    mono_t now;
    uint64_t turn;
    mono_t spin_since;
    unsigned spins;
    bool stop, again;
};

unsigned fake_loop_jumps;

static struct timer *timer_of(struct loop_timer *t)
{
    return (struct timer *)(void *)t->ev;
}

static struct loop_timer *owner_of(struct timer *m)
{
    return (struct loop_timer *)(void *)((char *)m - offsetof(struct loop_timer, ev));
}

struct loop *loop_new(struct err *e)
{
    struct loop *l = calloc(1, sizeof(*l));
    if (!l) {
        err_errno(e, ENOMEM, "cannot make an event loop");
        return NULL;
    }
    l->last = &l->first;
    l->now = mono_now();
    return l;
}

void loop_free(struct loop **l)
{
    free(*l);
    *l = NULL;
}

static void end_turn(struct loop *l)
{
    l->running = l->first;
    l->first = NULL;
    l->last = &l->first;
    struct loop_defer *d;
    while ((d = l->running)) {
        l->running = d->next;
        d->next = NULL;
        d->queued = false;
        d->fn(d->obj);
    }
    if (l->turn_fn)
        l->turn_fn(l->turn_obj);
}

static mono_t next_deadline(const struct loop *l)
{
    mono_t next = fake_kernel_next();
    struct timer *m;
    LIST_FOREACH (m, &l->timers, link)
        next = mono_min(next, m->deadline);
    return next;
}

/* the wait of a turn */
static void wait_for_next(struct loop *l)
{
    mono_t next = next_deadline(l);
    if (!next.ns) {
        fake_break("nothing is left that could ever happen");
        return;
    }
    bool late = rng_below(&fake_rng, 100) < fake_loop_jumps;
    fake_clock_to(next);
    if (late)
        fake_clock_to(mono_add(fake_clock(), DUR_MS(rng_below(&fake_rng, 3000))));
    fake_count_turn(late);
}

static void watch_spin(struct loop *l)
{
    if (mono_sub(fake_clock(), l->spin_since).ns > DUR_S(1).ns) {
        l->spin_since = fake_clock();
        l->spins = 0;
    }
    if (++l->spins > SPIN_LIMIT)
        fake_break("the loop made %u turns in a second", l->spins);
}

static struct timer *earliest_due(const struct loop *l)
{
    struct timer *m, *found = NULL;
    LIST_FOREACH (m, &l->timers, link)
        if (m->turn < l->turn && mono_reached(m->deadline, l->now) &&
            (!found || m->deadline.ns < found->deadline.ns))
            found = m;
    return found;
}

static void fire_timers(struct loop *l)
{
    struct timer *m;
    while ((m = earliest_due(l))) {
        struct loop_timer *t = owner_of(m);
        loop_timer_stop(t);
        t->fn(t->obj);
    }
}

void loop_run(struct loop *l)
{
    l->stop = false;
    loop_refresh(l);
    end_turn(l);
    while (!l->stop && !fake_broken()) {
        if (!l->again && !l->first && !fake_sigs_pending())
            wait_for_next(l);
        l->again = false;
        l->turn++;
        watch_spin(l);
        fake_kernel_run();
        loop_refresh(l);
        fake_sigs_deliver();
        fire_timers(l);
        end_turn(l);
    }
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

void loop_on_turn(struct loop *l, loop_fn *fn, void *obj)
{
    l->turn_fn = fn;
    l->turn_obj = obj;
}

uint64_t loop_turns(const struct loop *l)
{
    return l->turn;
}

mono_t loop_now(const struct loop *l)
{
    return l->now;
}

void loop_refresh(struct loop *l)
{
    l->now = mono_now();
}

void loop_again(struct loop *l)
{
    l->again = true;
}

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *obj)
{
    *t = (struct loop_timer){.fn = fn, .obj = obj, .loop = l};
}

void loop_timer_at(struct loop_timer *t, mono_t deadline)
{
    struct timer *m = timer_of(t);
    if (m->active && m->deadline.ns == deadline.ns)
        return;
    loop_timer_stop(t);
    if (!deadline.ns)
        return;
    m->deadline = deadline;
    m->turn = t->loop->turn;
    m->active = true;
    LIST_INSERT_HEAD(&t->loop->timers, m, link);
}

void loop_timer_stop(struct loop_timer *t)
{
    struct timer *m = timer_of(t);
    if (t->loop && m->active)
        LIST_REMOVE(m, link);
    m->active = false;
}

bool loop_timer_active(const struct loop_timer *t)
{
    return ((const struct timer *)(const void *)t->ev)->active;
}

void loop_io_init(struct loop_io *w, struct loop *l, loop_fn *fn, void *obj)
{
    *w = (struct loop_io){.fn = fn, .obj = obj, .loop = l};
}

int loop_io_set(struct loop_io *w, int fd, int events)
{
    (void)w, (void)fd, (void)events;
    return 0;
}

void loop_io_urgent(struct loop_io *w)
{
    (void)w;
}

int loop_io_events(const struct loop_io *w)
{
    return w->events;
}

void loop_io_close(struct loop_io *w, int *fd)
{
    (void)w;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void loop_defer_init(struct loop_defer *d, loop_fn *fn, void *obj)
{
    *d = (struct loop_defer){.fn = fn, .obj = obj};
}

void loop_defer(struct loop *l, struct loop_defer *d)
{
    if (d->queued)
        return;
    d->queued = true;
    d->next = NULL;
    *l->last = d;
    l->last = &d->next;
}

static bool unlink_from(struct loop_defer **p, struct loop_defer *d)
{
    while (*p && *p != d)
        p = &(*p)->next;
    if (!*p)
        return false;
    *p = d->next;
    return true;
}

void loop_defer_cancel(struct loop *l, struct loop_defer *d)
{
    if (!d->queued)
        return;
    if (!unlink_from(&l->running, d) && unlink_from(&l->first, d)) {
        l->last = &l->first;
        while (*l->last)
            l->last = &(*l->last)->next;
    }
    d->next = NULL;
    d->queued = false;
}
