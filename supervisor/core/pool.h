/* The events that wait for the listeners of a group, in their order. Pure. What was taken out and
 * comes back is put where it was: an event is never behind a later one. */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_event {
    uint64_t serial; /* of the pool: counts up */
    uint32_t at;     /* where it lies; the caller's */
};

struct pool {
    struct pool_event *v; /* a ring of cap, from head on */
    size_t cap, head, n;
    size_t taken; /* out of it, and there is room for them to come back */
    size_t limit; /* so many wait at most, but for those that came back */
};

/* All zero but for the limit. */
void pool_init(struct pool *p, size_t limit);
void pool_fini(struct pool *p);
/* A later event than all before. If the buffer is full, the oldest one leaves it for that: *out is
 * it, and 1 is returned; else 0; -1: no memory, and nothing has changed. */
int pool_accept(struct pool *p, struct pool_event ev, struct pool_event *out);
/* The oldest one leaves it, and may come back; false: there is none. */
bool pool_take(struct pool *p, struct pool_event *out);
/* One that was taken comes back to its place, or does not. */
void pool_put_back(struct pool *p, struct pool_event ev);
void pool_done(struct pool *p);
/* One that another supd had accepted, in any order; taken: and taken. -1: no memory. */
int pool_restore(struct pool *p, struct pool_event ev, bool taken);
/* The oldest one leaves it for good; false: there is none. */
bool pool_drop(struct pool *p, struct pool_event *out);
/* The i-th that waits, 0 the oldest. */
struct pool_event pool_at(const struct pool *p, size_t i);

#endif
