/* Rolling windows of durations: rings of histograms. */
#include "alerts/rules/timers.h"
#include "alerts/rules/window.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SEC INT64_C(1000000000)
enum { RINGS = 3 };

struct packed {
    uint8_t *p; /* NULL: empty */
    uint32_t n;
};
struct ring {
    int64_t width;
    int64_t n;
    int64_t now; /* the number of the cell that is filling */
    struct packed *cells;
    struct hist filling;
};
/* All times count from its birth. */
struct timers {
    int64_t birth, last;
    struct ring rings[RINGS];
};

struct timers *timers_new(dur_t cell, mono_t now)
{
    int64_t width = window_cell_fits(cell) ? cell.ns : WINDOW_CELL.ns;
    const int64_t widths[RINGS] = {width, 60 * SEC, 300 * SEC};
    const int64_t counts[RINGS] = {300 * SEC / width, 60, 72};
    struct timers *t = mem_zalloc(sizeof(*t));
    t->birth = now.ns;
    for (int i = 0; i < RINGS; i++) {
        t->rings[i].width = widths[i];
        t->rings[i].n = counts[i];
        t->rings[i].cells = mem_zalloc((size_t)counts[i] * sizeof(struct packed));
    }
    return t;
}

static struct packed *cell_at(const struct ring *r, int64_t number)
{
    return &r->cells[number % r->n];
}

static void cell_clear(struct packed *c)
{
    free(c->p);
    *c = (struct packed){NULL, 0};
}

static void cell_set(struct packed *c, const uint8_t *p, size_t n)
{
    cell_clear(c);
    if (!n)
        return;
    c->p = mem_alloc(n);
    memcpy(c->p, p, n);
    c->n = (uint32_t)n;
}

void timers_free(struct timers **tp)
{
    struct timers *t = *tp;
    *tp = NULL;
    for (int i = 0; t && i < RINGS; i++) {
        for (int64_t k = 0; k < t->rings[i].n; k++)
            cell_clear(&t->rings[i].cells[k]);
        free(t->rings[i].cells);
    }
    free(t);
}

static void ring_turn(struct ring *r, int64_t to)
{
    uint8_t buf[HIST_PACKED_MAX];
    cell_set(cell_at(r, r->now), buf, hist_pack(&r->filling, buf));
    if (r->filling.n)
        hist_clear(&r->filling);
    int64_t empty = r->now + 1;
    if (to - empty > r->n)
        empty = to - r->n;
    for (; empty < to; empty++)
        cell_clear(cell_at(r, empty));
    r->now = to;
}

static void advance(struct timers *t, mono_t now)
{
    if (now.ns - t->birth <= t->last)
        return;
    t->last = now.ns - t->birth;
    for (int i = 0; i < RINGS; i++) {
        struct ring *r = &t->rings[i];
        if (t->last / r->width == r->now)
            break;
        if (i + 1 < RINGS)
            hist_merge(&t->rings[i + 1].filling, &r->filling);
        ring_turn(r, t->last / r->width);
    }
}

void timers_add(struct timers *t, mono_t now, int64_t ns, uint32_t count)
{
    advance(t, now);
    hist_add(&t->rings[0].filling, ns, count);
}

static void merge_part(struct hist *out, const struct packed *c, double share)
{
    if (share >= 1) {
        hist_unpack(out, c->p, c->n);
    } else if (c->n) {
        struct hist whole;
        hist_clear(&whole);
        hist_unpack(&whole, c->p, c->n);
        hist_merge_share(out, &whole, share);
    }
}

void timers_sum(struct timers *t, mono_t now, dur_t length, struct hist *out)
{
    advance(t, now);
    int64_t want = length.ns < TIMERS_MAX.ns ? length.ns : TIMERS_MAX.ns;
    int k = 0;
    while (k + 1 < RINGS && t->rings[k].width * t->rings[k].n < want)
        k++;
    hist_clear(out);
    for (int i = 0; i <= k; i++)
        hist_merge(out, &t->rings[i].filling);
    const struct ring *r = &t->rings[k];
    int64_t from = t->last - want, oldest = from < 0 ? 0 : from / r->width;
    if (oldest < r->now - r->n)
        oldest = r->now - r->n;
    for (int64_t i = r->now - 1; i >= oldest && i >= 0; i--) {
        int64_t outside = from - i * r->width;
        merge_part(out, cell_at(r, i), outside > 0 ? 1 - (double)outside / (double)r->width : 1);
    }
}

/* ---- across a restart ---- */

enum { MAGIC = 0x74646e77, VERSION = 1 };
struct head {
    uint32_t magic, version, size, crc; /* of what follows the head, which has size bytes */
    int64_t wall, last, cell;
};

static void put_cell(struct str *out, const uint8_t *p, uint32_t n)
{
    str_put(out, &n, sizeof(n));
    str_put(out, p, n);
}

void timers_save(struct timers *t, mono_t now, wall_t wall, struct str *out)
{
    struct str body = STR_INIT;
    uint8_t buf[HIST_PACKED_MAX];
    advance(t, now);
    for (int i = 0; i < RINGS; i++) {
        const struct ring *r = &t->rings[i];
        put_cell(&body, buf, (uint32_t)hist_pack(&r->filling, buf));
        for (int64_t k = 0; k < r->n; k++)
            put_cell(&body, r->cells[k].p, r->cells[k].n);
    }
    struct head h = {.magic = MAGIC,
                     .version = VERSION,
                     .size = (uint32_t)body.len,
                     .crc = crc32_of(body.s, body.len),
                     .wall = wall.ns,
                     .last = t->last,
                     .cell = t->rings[0].width};
    str_put(out, &h, sizeof(h));
    str_put(out, body.s, body.len);
    str_fini(&body);
}

/* The next packed histogram, checked; NULL if there is none. */
static const uint8_t *get_cell(const uint8_t **p, const uint8_t *end, uint32_t *out_n,
                               struct hist *scratch)
{
    const uint8_t *at = *p;
    if ((size_t)(end - at) < sizeof(*out_n))
        return NULL;
    memcpy(out_n, at, sizeof(*out_n));
    at += sizeof(*out_n);
    if (*out_n > HIST_PACKED_MAX || *out_n > (size_t)(end - at))
        return NULL;
    *p = at + *out_n;
    if (*out_n)
        hist_clear(scratch);
    return !*out_n || hist_unpack(scratch, at, *out_n) ? at : NULL;
}

static bool take_ring(struct ring *r, const uint8_t **p, const uint8_t *end)
{
    struct hist scratch;
    uint32_t n;
    const uint8_t *cell = get_cell(p, end, &n, &scratch);
    if (!cell)
        return false;
    hist_unpack(&r->filling, cell, n);
    for (int64_t k = 0; k < r->n; k++) {
        cell = get_cell(p, end, &n, &scratch);
        if (!cell)
            return false;
        cell_set(&r->cells[k], cell, n);
    }
    return true;
}

static int take(struct timers *t, const struct head *h, const uint8_t *p, size_t n, struct err *e)
{
    const uint8_t *end = p + n;
    bool ok =
        h->magic == MAGIC && h->version == VERSION && h->size == n && crc32_of(p, n) == h->crc;
    if (!ok)
        return err_set(e, "the saved timers are damaged or of another version");
    if (h->cell != t->rings[0].width)
        return err_set(e, "the saved timers have other cells");
    ok = h->last >= 0 && h->last < INT64_MAX / 8;
    for (int i = 0; ok && i < RINGS; i++) {
        t->rings[i].now = h->last / t->rings[i].width;
        ok = take_ring(&t->rings[i], &p, end);
    }
    t->last = h->last;
    return ok && p == end ? 0 : err_set(e, "the saved timers are damaged");
}

struct timers *timers_restore(const void *p, size_t n, dur_t cell, mono_t now, wall_t wall,
                              struct err *e)
{
    struct timers *t = timers_new(cell, now);
    struct head h = {.magic = 0};
    if (n >= sizeof(h))
        memcpy(&h, p, sizeof(h));
    if (take(t, &h, (const uint8_t *)p + sizeof(h), n >= sizeof(h) ? n - sizeof(h) : 0, e) < 0) {
        timers_free(&t);
        return NULL;
    }
    int64_t gap = 0;
    if (h.wall < 0 || wall.ns < h.wall || __builtin_sub_overflow(wall.ns, h.wall, &gap))
        gap = 0;
    if (gap > 2 * TIMERS_MAX.ns)
        gap = 2 * TIMERS_MAX.ns;
    t->birth = now.ns - gap - t->last;
    advance(t, now);
    return t;
}
