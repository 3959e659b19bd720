/* Storms of alerts, and their digest. */
#include "alerts/rules/group.h"

#include <stdlib.h>
#include <string.h>

/* ---- the storm breaker ---- */

#define RING (STORM_ALERTS + 1)

bool storm_fired(struct storm *s, wall_t now)
{
    s->at[s->n++ % RING] = now;
    s->last = now;
    if (s->on) {
        s->alerts++;
        return false;
    }
    /* the oldest of the last RING; the ring is full of them from the RINGth on */
    wall_t oldest = s->at[s->n % RING];
    if (s->n < RING || wall_sub(now, oldest).ns >= STORM_WINDOW.ns)
        return false;
    s->on = 1;
    s->since = now;
    s->alerts = RING;
    return true;
}

bool storm_calms(struct storm *s, uint64_t firing, wall_t now)
{
    if (!s->on || firing > STORM_ALERTS || wall_sub(now, s->last).ns < STORM_WINDOW.ns)
        return false;
    s->on = 0;
    return true;
}

wall_t storm_deadline(const struct storm *s, wall_t now)
{
    wall_t at = wall_add(s->last, STORM_WINDOW);
    return s->on && at.ns > now.ns ? at : WALL_NEVER;
}

/* ---- the digest ---- */

static const char *root_name(const struct digest_item *it)
{
    return it->root ? it->root : it->name;
}

static int by_root(const void *a, const void *b)
{
    return strcmp(root_name(a), root_name(b));
}

/* one root: its items lie together */
struct run {
    const struct digest_item *first;
    size_t n;
};

static bool same_root(const struct digest_item *a, const struct digest_item *b)
{
    return strcmp(root_name(a), root_name(b)) == 0;
}

static struct run run_at(const struct digest_item *items, size_t n)
{
    struct run r = {items, 0};
    while (r.n < n && same_root(&items[r.n], items))
        r.n++;
    return r;
}

/* keeps the largest runs, the first by name among equals */
static void keep_run(struct run *best, struct run r)
{
    size_t i = 0;
    while (i < DIGEST_ROOTS && best[i].n >= r.n)
        i++;
    for (; i < DIGEST_ROOTS; i++) { /* the smaller ones move down */
        struct run down = best[i];
        best[i] = r;
        r = down;
    }
}

void digest_text(struct digest_item *items, size_t n, struct str *out)
{
    struct run best[DIGEST_ROOTS] = {0};
    size_t roots = 0;
    if (n)
        qsort(items, n, sizeof(items[0]), by_root);
    for (size_t i = 0; i < n; roots++) {
        struct run r = run_at(items + i, n - i);
        keep_run(best, r);
        i += r.n;
    }
    str_printf(out, "%zu alert%s", n, n == 1 ? "" : "s");
    for (size_t i = 0; i < DIGEST_ROOTS && best[i].n; i++) {
        str_printf(out, "%s%s", i ? ", " : ", roots: ", root_name(best[i].first));
        if (best[i].n > 1)
            str_printf(out, " (%zu)", best[i].n);
    }
    if (roots > DIGEST_ROOTS)
        str_printf(out, " and %zu more", roots - DIGEST_ROOTS);
}
