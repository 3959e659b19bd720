/* The buffer of a group of listeners: a ring, in order of serials. */
#include "supervisor/core/pool.h"

#include <stdlib.h>

void pool_init(struct pool *p, size_t limit)
{
    *p = (struct pool){.limit = limit};
}

void pool_fini(struct pool *p)
{
    free(p->v);
    *p = (struct pool){.limit = p->limit};
}

static struct pool_event *place(const struct pool *p, size_t i)
{
    return &p->v[(p->head + i) % p->cap];
}

struct pool_event pool_at(const struct pool *p, size_t i)
{
    return *place(p, i);
}

/* Room for all that are there, those that are out, and one more. */
static bool reserve(struct pool *p)
{
    size_t need = p->n + p->taken + 1, cap = p->cap ? p->cap : 8;
    if (need <= p->cap)
        return true;
    while (cap < need)
        cap *= 2;
    struct pool_event *v = malloc(cap * sizeof(*v));
    if (!v)
        return false;
    for (size_t i = 0; i < p->n; i++)
        v[i] = pool_at(p, i);
    free(p->v);
    p->v = v;
    p->cap = cap;
    p->head = 0;
    return true;
}

/* From the side that is nearer: what comes back is one of the oldest, what is new the newest. */
static void insert(struct pool *p, struct pool_event ev)
{
    size_t i = 0;
    if (p->n && place(p, p->n - 1)->serial < ev.serial) {
        *place(p, p->n++) = ev;
        return;
    }
    p->head = (p->head + p->cap - 1) % p->cap;
    p->n++;
    for (; i + 1 < p->n && place(p, i + 1)->serial < ev.serial; i++)
        *place(p, i) = *place(p, i + 1);
    *place(p, i) = ev;
}

static struct pool_event shift(struct pool *p)
{
    struct pool_event ev = *place(p, 0);
    p->head = (p->head + 1) % p->cap;
    p->n--;
    return ev;
}

int pool_accept(struct pool *p, struct pool_event ev, struct pool_event *out)
{
    if (!reserve(p))
        return -1;
    bool full = p->n && p->n >= p->limit;
    if (full)
        *out = shift(p);
    insert(p, ev);
    return full;
}

bool pool_drop(struct pool *p, struct pool_event *out)
{
    if (!p->n)
        return false;
    *out = shift(p);
    return true;
}

bool pool_take(struct pool *p, struct pool_event *out)
{
    if (!pool_drop(p, out))
        return false;
    p->taken++;
    return true;
}

void pool_put_back(struct pool *p, struct pool_event ev)
{
    p->taken--;
    insert(p, ev);
}

void pool_done(struct pool *p)
{
    p->taken--;
}

int pool_restore(struct pool *p, struct pool_event ev, bool taken)
{
    if (!reserve(p))
        return -1;
    if (taken)
        p->taken++;
    else
        insert(p, ev);
    return 0;
}
