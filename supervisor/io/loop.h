/* The event loop (libev behind it): timers on absolute monotonic deadlines, descriptors, and calls
 * deferred to the end of the turn. The only header through which others see an event loop. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"

#include <stdbool.h>
#include <stdint.h>

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
    void *ev[7];
    loop_fn *fn;
    void *obj;
    struct loop *loop;
    int events;
};
struct loop_defer {
    struct loop_defer *next;
    loop_fn *fn;
    void *obj;
    bool queued;
};

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_SOCKET = 4, /* for loop_io_set: it is a socket for sure, no need to look */
};

/* A new loop of its own, or NULL and the reason (never libev's default one: that one reaps
 * children). */
struct loop *loop_new(struct err *e);
void loop_free(struct loop **l);
/* Runs until loop_stop(), then ends the turn and returns. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* fn(obj) is called once at the end of every turn, after the deferred calls; NULL: nothing. */
void loop_on_turn(struct loop *l, loop_fn *fn, void *obj);
/* The time read once at the start of this turn; loop_refresh reads it anew after long work. */
mono_t loop_now(const struct loop *l);
void loop_refresh(struct loop *l);
/* Makes the next wait return at once (there is more to do). */
void loop_again(struct loop *l);
/* How often the loop has woken up so far. */
uint64_t loop_turns(const struct loop *l);

/* `LOOP_TIMER(&t, loop, fn, obj)`, `LOOP_IO(...)`, `LOOP_DEFER(...)`: set up, not started. They do
 * not compile if fn does not take obj. */
#define LOOP_FN(f, o) ((void)sizeof((f)(o), 0), (loop_fn *)(f))
#define LOOP_TIMER(t, l, f, o) loop_timer_init((t), (l), LOOP_FN(f, o), (o))
#define LOOP_IO(w, l, f, o) loop_io_init((w), (l), LOOP_FN(f, o), (o))
#define LOOP_DEFER(d, f, o) loop_defer_init((d), LOOP_FN(f, o), (o))

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *obj);
/* Fires once at the deadline, never before loop_now() has reached it (in the next turn if it has
 * passed); 0 means never: stops it. */
void loop_timer_at(struct loop_timer *t, mono_t deadline);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);

void loop_io_init(struct loop_io *w, struct loop *l, loop_fn *fn, void *obj);
/* Watches fd for LOOP_READ, LOOP_WRITE or both; 0 stops. Returns 0, or -1 with errno: EPERM for
 * what cannot be waited for (regular files, folders, /dev/null), which is then not watched and
 * logged. */
int loop_io_set(struct loop_io *w, int fd, int events);
/* Its calls come before all others of a turn (the signals). Before the first loop_io_set. */
void loop_io_urgent(struct loop_io *w);
/* What the last call was for. */
int loop_io_events(const struct loop_io *w);
/* Stops the watcher, takes the descriptor out of the kernel's set (a description that another
 * process holds too would stay there), then closes it: always in this order. Sets *fd to -1. */
void loop_io_close(struct loop_io *w, int *fd);

void loop_defer_init(struct loop_defer *d, loop_fn *fn, void *obj);
/* Calls fn(obj) at the end of this turn, once however often it is queued; what is queued while the
 * queue runs is for the next turn, which then does not block. */
void loop_defer(struct loop *l, struct loop_defer *d);
void loop_defer_cancel(struct loop *l, struct loop_defer *d);

#endif
