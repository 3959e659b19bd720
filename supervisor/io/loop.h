/* The event loop (libev behind it): timers on absolute monotonic deadlines, descriptors, and calls
 * deferred to the end of the turn. The only header through which others see an event loop. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"

#include <stdbool.h>

struct loop;

typedef void loop_fn(void *obj);

/* Embedded in the object that owns it; no allocation. Opaque: use the functions below. */
struct loop_timer {
    void *ev[7];
    loop_fn *fn;
    void *obj;
    struct loop *loop;
};
struct loop_io {
    void *ev[8];
    loop_fn *fn;
    void *obj;
    struct loop *loop;
};
struct loop_defer {
    struct loop_defer *next;
    loop_fn *fn;
    void *obj;
    bool queued;
};

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* A new loop of its own (never libev's default one: that one reaps children). */
struct loop *loop_new(struct err *e);
void loop_free(struct loop **l);
/* Runs until loop_stop(). before_block, if set, is called once at the end of every turn. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
void loop_on_turn(struct loop *l, loop_fn *fn, void *obj);
/* The time read once at the start of this turn; loop_refresh reads it anew after long work. */
mono_t loop_now(const struct loop *l);
void loop_refresh(struct loop *l);
/* Makes the next wait return at once (there is more to do). */
void loop_again(struct loop *l);

/* `LOOP_TIMER(&t, loop, fn, obj)`, `LOOP_IO(...)`, `LOOP_DEFER(...)`: set up, not started. They do
 * not compile if fn does not take obj. */
#define LOOP_TIMER(t, l, f, o)                                                                     \
    loop_timer_init((t), (l), (loop_fn *)(f) + 0 * sizeof((f)(o), 0), (o))
#define LOOP_IO(w, l, f, o) loop_io_init((w), (l), (loop_fn *)(f) + 0 * sizeof((f)(o), 0), (o))
#define LOOP_DEFER(d, f, o) loop_defer_init((d), (loop_fn *)(f) + 0 * sizeof((f)(o), 0), (o))

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *obj);
/* Fires once at the deadline (at once if it has passed); 0 means never: stops it. */
void loop_timer_at(struct loop_timer *t, mono_t deadline);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);

void loop_io_init(struct loop_io *w, struct loop *l, loop_fn *fn, void *obj);
/* Watches fd for LOOP_READ, LOOP_WRITE or both; 0 stops. Never a regular file. */
void loop_io_set(struct loop_io *w, int fd, int events);
/* What the last call was for. */
int loop_io_events(const struct loop_io *w);
/* Stops the watcher, then closes the descriptor: always in this order. Sets *fd to -1. */
void loop_io_close(struct loop_io *w, int *fd);

void loop_defer_init(struct loop_defer *d, loop_fn *fn, void *obj);
/* Calls fn(obj) at the end of this turn, once however often it is queued. */
void loop_defer(struct loop *l, struct loop_defer *d);
void loop_defer_cancel(struct loop *l, struct loop_defer *d);

#endif
