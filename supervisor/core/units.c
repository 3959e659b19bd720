/* A map of free units, searched from where the last one was found, or from the start. */
#include "supervisor/core/units.h"

#include <stdlib.h>

#define WORD 64u
#define NEAR 1024u /* so few cost too little to be looked for again */

bool units_init(struct units *u, uint32_t n)
{
    *u = (struct units){.n = n, .map = calloc(n / WORD, sizeof(*u->map))};
    return u->map;
}

void units_fini(struct units *u)
{
    free(u->map);
    *u = (struct units){0};
}

static bool is_used(const struct units *u, uint32_t i)
{
    return u->map[i / WORD] >> i % WORD & 1;
}

/* How many from i on are alike, up to limit; whole words at once where that can be. */
static uint32_t run_from(const struct units *u, uint32_t i, uint32_t limit, bool used)
{
    uint32_t from = i, end = limit < u->n - i ? i + limit : u->n;
    const uint64_t all = used ? UINT64_MAX : 0;
    while (i < end && is_used(u, i) == used)
        i += i % WORD == 0 && u->map[i / WORD] == all ? WORD : 1;
    return (i < end ? i : end) - from;
}

static int64_t find(const struct units *u, uint32_t from, uint32_t to, uint32_t count)
{
    for (uint32_t i = from; i < to && count <= u->n - i;) {
        uint32_t taken = run_from(u, i, u->n, true);
        uint32_t room = taken ? 0 : run_from(u, i, count, false);
        if (room == count)
            return i;
        i += taken + room;
    }
    return -1;
}

static void mark(struct units *u, uint32_t at, uint32_t count, bool used)
{
    for (uint32_t i = at; i < at + count; i++) {
        uint64_t bit = UINT64_C(1) << i % WORD;
        u->map[i / WORD] = used ? u->map[i / WORD] | bit : u->map[i / WORD] & ~bit;
    }
    u->used = used ? u->used + count : u->used - count;
}

/* Once it has come far beyond what is in use, it begins anew: what was ever touched stays in
 * proportion to that, although one unit at the start may be in use for ever. */
static uint32_t start_of(const struct units *u, uint32_t count)
{
    return u->next > 2 * (u->used + count) + NEAR ? 0 : u->next;
}

int64_t units_take(struct units *u, uint32_t count)
{
    if (count > u->n - u->used)
        return -1;
    uint32_t start = start_of(u, count);
    int64_t at = find(u, start, u->n, count);
    if (at < 0)
        at = find(u, 0, start, count);
    if (at < 0)
        return -1;
    mark(u, (uint32_t)at, count, true);
    u->next = ((uint32_t)at + count) % u->n;
    return at;
}

bool units_claim(struct units *u, uint32_t at, uint32_t count)
{
    if (at >= u->n || count > u->n - at || run_from(u, at, count, false) < count)
        return false;
    mark(u, at, count, true);
    return true;
}

void units_give(struct units *u, uint32_t at, uint32_t count)
{
    mark(u, at, count, false);
    if (!u->used)
        u->next = 0; /* what was touched is used again first */
}

uint32_t units_alike(const struct units *u, uint32_t at, uint32_t end, bool *out_used)
{
    *out_used = is_used(u, at);
    return run_from(u, at, end - at, *out_used);
}
