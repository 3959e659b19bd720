/* Spreads what is known of some processes over their families. */
#include "supervisor/core/kin.h"

#include <stdlib.h>

static int by_pid(const void *a, const void *b)
{
    const struct kin *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

void kin_sort(struct kin *v, size_t n)
{
    if (n)
        qsort(v, n, sizeof(*v), by_pid);
}

struct kin *kin_find(struct kin *v, size_t n, int pid)
{
    struct kin key = {.pid = pid};
    return n ? bsearch(&key, v, n, sizeof(*v), by_pid) : NULL;
}

bool kin_below(struct kin *v, size_t n, const struct kin *k, int root)
{
    for (size_t depth = 0; k && depth <= n; depth++) {
        if (k->pid == root)
            return true;
        k = k->ppid > 0 ? kin_find(v, n, k->ppid) : NULL;
    }
    return false;
}

static bool has_owner(const struct kin *k)
{
    return k->owner != KIN_NOBODY;
}

/* ---- descent ---- */

/* The nearest ancestor with an owner, or NULL. A list that was read while processes came and went
 * may hold a ring: no way is longer than the list. */
static const struct kin *owned_above(struct kin *v, size_t n, const struct kin *k)
{
    for (size_t depth = 0; depth <= n; depth++) {
        k = k->ppid > 0 ? kin_find(v, n, k->ppid) : NULL;
        if (!k || has_owner(k))
            return k;
    }
    return NULL;
}

/* The way up from k gets its owner, so that nobody goes it again. */
static bool inherit(struct kin *v, size_t n, struct kin *k)
{
    const struct kin *from = has_owner(k) ? NULL : owned_above(v, n, k);
    if (!from)
        return false;
    for (size_t depth = 0; k && !has_owner(k) && depth <= n; depth++) {
        k->owner = from->owner;
        k->led = from->led;
        k->how = KIN_PARENT;
        k = kin_find(v, n, k->ppid);
    }
    return true;
}

static bool descend(struct kin *v, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= inherit(v, n, &v[i]);
    return any;
}

/* ---- sessions ---- */

struct session {
    int sid;
    uint32_t owner; /* KIN_NOBODY: several */
};

static int by_sid(const void *a, const void *b)
{
    const struct session *x = a, *y = b;
    return (x->sid > y->sid) - (x->sid < y->sid);
}

static size_t gather(const struct kin *v, size_t n, int own_sid, struct session *out)
{
    size_t m = 0, kept = 0;
    for (size_t i = 0; i < n; i++)
        if (has_owner(&v[i]) && v[i].owner != KIN_OURS && v[i].sid > 0 && v[i].sid != own_sid)
            out[m++] = (struct session){v[i].sid, v[i].owner};
    if (m)
        qsort(out, m, sizeof(*out), by_sid);
    for (size_t i = 0; i < m; i++) {
        if (!kept || out[kept - 1].sid != out[i].sid)
            out[kept++] = out[i];
        else if (out[kept - 1].owner != out[i].owner)
            out[kept - 1].owner = KIN_NOBODY;
    }
    return kept;
}

static bool join(struct kin *k, const struct session *all, size_t n)
{
    struct session key = {.sid = k->sid};
    const struct session *s = n ? bsearch(&key, all, n, sizeof(*all), by_sid) : NULL;
    if (!s || s->owner == KIN_NOBODY)
        return false;
    k->owner = s->owner;
    k->how = KIN_SESSION;
    return true;
}

static bool meet(struct kin *v, size_t n, int own_sid)
{
    struct session *all = malloc((n + 1) * sizeof(*all));
    size_t m = all ? gather(v, n, own_sid, all) : 0;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        if (!has_owner(&v[i]))
            any |= join(&v[i], all, m);
    free(all);
    return any;
}

void kin_spread(struct kin *v, size_t n, int own_sid)
{
    do
        descend(v, n);
    while (meet(v, n, own_sid));
}

/* ---- whom an orphan had ---- */

void kin_former(struct kin *v, size_t n, int self, int (*leader)(void *obj, uint32_t owner),
                void *obj)
{
    for (size_t i = 0; i < n; i++) {
        struct kin *k = &v[i];
        if (!has_owner(k) || k->owner == KIN_OURS || k->led || k->former)
            continue;
        if (k->ppid > 1 && k->ppid != self)
            k->former = k->ppid;
        else if (k->sid != k->pid && k->sid > 0 && !kin_find(v, n, k->sid))
            k->former = k->sid;
        else if (k->pgid != k->pid && !kin_find(v, n, k->pgid))
            k->former = k->pgid;
        else
            k->former = leader(obj, k->owner);
    }
}

/* Within one tick of the start times the numbers tell, which the kernel gives out in order: but for
 * those far apart, between which they may have begun anew. */
#define PIDS_OF_A_TICK 1000

static bool began_earlier(const struct kin *a, const struct kin *b)
{
    if (a->start != b->start)
        return a->start < b->start;
    return a->pid < b->pid && b->pid - a->pid < PIDS_OF_A_TICK;
}

bool kin_is_earlier(struct kin *v, size_t n, const struct kin *k, int leader, int pgid, int since)
{
    const struct kin *than = leader > 0 ? kin_find(v, n, leader) : NULL;
    if (!than)
        than = kin_find(v, n, since);
    return than && k->pgid != pgid && began_earlier(k, than);
}
