/* Rolling windows in four rings of cells. */
#include "alerts/rules/window.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SEC INT64_C(1000000000)
enum { RINGS = 4, FIRST_MAX = 300, CELLS = FIRST_MAX + 60 + 72 + 72, DARKS = 16 };

struct cell {
    uint32_t ok, err;
};
struct ring {
    int64_t width;       /* of a cell, ns */
    uint32_t n;          /* closed cells that it keeps */
    uint32_t first;      /* where its cells begin in the common array */
    int64_t now;         /* the number of the cell that is filling */
    struct cell filling; /* what finer cells that closed have put there; the finest: the samples */
};
struct dark {
    int64_t from, to;
    double lost; /* samples that are known to have been in it */
};
/* All times count from the window's birth, so that it holds nothing of one boot. It is saved as it
 * is in memory, up to the cells in use. */
struct window {
    int64_t birth; /* monotonic; the only value of this boot */
    int64_t last;
    int64_t last_ok, last_err;
    uint32_t ndarks, ncells;
    struct dark darks[DARKS];
    struct ring rings[RINGS];
    struct cell cells[];
};

static uint32_t capped(uint32_t a, uint32_t b)
{
    uint32_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

static void cell_add(struct cell *c, struct cell more)
{
    c->ok = capped(c->ok, more.ok);
    c->err = capped(c->err, more.err);
}

struct window *window_new(dur_t cell, mono_t now)
{
    int64_t width = window_cell_fits(cell) ? cell.ns : WINDOW_CELL.ns;
    const struct ring rings[RINGS] = {{.width = width, .n = (uint32_t)(300 * SEC / width)},
                                      {.width = 60 * SEC, .n = 60},
                                      {.width = 300 * SEC, .n = 72},
                                      {.width = 3600 * SEC, .n = 72}};
    uint32_t cells = rings[0].n + 60 + 72 + 72;
    struct window *w = mem_zalloc(sizeof(*w) + cells * sizeof(struct cell));
    w->birth = now.ns;
    w->last_ok = w->last_err = -1;
    w->ncells = cells;
    uint32_t first = 0;
    for (int i = 0; i < RINGS; i++) {
        w->rings[i] = rings[i];
        w->rings[i].first = first;
        first += rings[i].n;
    }
    return w;
}

void window_free(struct window **w)
{
    free(*w);
    *w = NULL;
}

/* ---- time ---- */

static struct cell *cell_at(struct window *w, const struct ring *r, int64_t number)
{
    return &w->cells[r->first + (uint32_t)(number % r->n)];
}

/* Closes the cell that is filling, and leaves empty ones up to the cell `to`. */
static void ring_turn(struct window *w, struct ring *r, int64_t to)
{
    *cell_at(w, r, r->now) = r->filling;
    r->filling = (struct cell){0, 0};
    int64_t empty = r->now + 1;
    if (to - empty > r->n)
        empty = to - r->n;
    for (; empty < to; empty++)
        *cell_at(w, r, empty) = (struct cell){0, 0};
    r->now = to;
}

/* From fine to coarse: what closes belongs to the next ring's filling cell of that time. */
static void advance(struct window *w, int64_t t)
{
    if (t <= w->last)
        return;
    w->last = t;
    for (int i = 0; i < RINGS; i++) {
        struct ring *r = &w->rings[i];
        int64_t to = t / r->width;
        if (to == r->now)
            break; /* the coarser cells' borders are borders of this ring, too */
        if (i + 1 < RINGS)
            cell_add(&w->rings[i + 1].filling, r->filling);
        ring_turn(w, r, to);
    }
}

static int64_t own_time(struct window *w, mono_t now)
{
    advance(w, now.ns - w->birth);
    return w->last;
}

/* ---- feeding ---- */

void window_add(struct window *w, mono_t now, uint32_t ok, uint32_t err)
{
    int64_t t = own_time(w, now);
    cell_add(&w->rings[0].filling, (struct cell){ok, err});
    if (ok)
        w->last_ok = t;
    if (err)
        w->last_err = t;
}

static void drop_dark(struct window *w, uint32_t i)
{
    w->ndarks--;
    memmove(&w->darks[i], &w->darks[i + 1], (w->ndarks - i) * sizeof(w->darks[0]));
}

/* Makes room for one more: what is too old goes, else the two with the least between them are one.
 */
static void darks_shrink(struct window *w)
{
    while (w->ndarks && w->darks[0].to < w->last - WINDOW_MAX.ns)
        drop_dark(w, 0);
    if (w->ndarks < DARKS)
        return;
    uint32_t best = 0;
    for (uint32_t i = 1; i + 1 < w->ndarks; i++) {
        if (w->darks[i + 1].from - w->darks[i].to < w->darks[best + 1].from - w->darks[best].to)
            best = i;
    }
    w->darks[best].to = w->darks[best + 1].to;
    w->darks[best].lost += w->darks[best + 1].lost;
    drop_dark(w, best + 1);
}

void window_dark(struct window *w, mono_t from, mono_t now)
{
    window_lost(w, from, now, 0);
}

void window_lost(struct window *w, mono_t from, mono_t now, double samples)
{
    int64_t to = own_time(w, now), begin = from.ns - w->birth;
    if (begin < 0)
        begin = 0;
    if (begin >= to)
        return;
    /* they are in order, and this one is the newest */
    while (w->ndarks && w->darks[w->ndarks - 1].to >= begin) {
        if (w->darks[w->ndarks - 1].from < begin)
            begin = w->darks[w->ndarks - 1].from;
        samples += w->darks[w->ndarks - 1].lost;
        w->ndarks--;
    }
    darks_shrink(w);
    w->darks[w->ndarks++] = (struct dark){begin, to, samples};
}

/* ---- reading ---- */

static void dark_since(const struct window *w, int64_t from, struct window_sum *s)
{
    for (uint32_t i = 0; i < w->ndarks; i++) {
        const struct dark *d = &w->darks[i];
        int64_t begin = d->from > from ? d->from : from;
        if (d->to <= begin)
            continue;
        s->unknown.ns += d->to - begin;
        s->lost += d->lost * (double)(d->to - begin) / (double)(d->to - d->from);
    }
}

static const struct ring *ring_for(const struct window *w, int64_t length)
{
    int i = 0;
    while (i + 1 < RINGS && w->rings[i].width * w->rings[i].n < length)
        i++;
    return &w->rings[i];
}

static void sum_add(struct window_sum *s, struct cell c, double share)
{
    s->ok += c.ok * share;
    s->err += c.err * share;
}

struct window_sum window_sum(struct window *w, mono_t now, dur_t length)
{
    int64_t t = own_time(w, now);
    int64_t want = length.ns < WINDOW_MAX.ns ? length.ns : WINDOW_MAX.ns;
    const struct ring *r = ring_for(w, want);
    struct window_sum s = {.seen = {want < t ? want : t}};
    for (int i = 0; &w->rings[i] <= r; i++)
        sum_add(&s, w->rings[i].filling, 1);
    int64_t from = t - want; /* where the window begins; before the birth there is nothing */
    int64_t oldest = from < 0 ? 0 : from / r->width;
    if (oldest < r->now - r->n)
        oldest = r->now - r->n;
    for (int64_t i = r->now - 1; i >= oldest && i >= 0; i--) {
        int64_t outside = from - i * r->width;
        sum_add(&s, *cell_at(w, r, i), outside > 0 ? 1 - (double)outside / (double)r->width : 1);
    }
    dark_since(w, from > 0 ? from : 0, &s);
    return s;
}

dur_t window_age(const struct window *w, mono_t now)
{
    int64_t t = now.ns - w->birth;
    return (dur_t){t > w->last ? t : w->last};
}

static dur_t since(const struct window *w, mono_t now, int64_t then)
{
    return (dur_t){window_age(w, now).ns - (then > 0 ? then : 0)};
}

dur_t window_since_ok(const struct window *w, mono_t now)
{
    return since(w, now, w->last_ok);
}

dur_t window_since_err(const struct window *w, mono_t now)
{
    return since(w, now, w->last_err);
}

/* ---- across a restart ---- */

enum { MAGIC = 0x77646e77, VERSION = 2 };
struct head {
    uint32_t magic, version, size, crc; /* of what follows the head, which has size bytes */
    int64_t wall;
};

void window_save(struct window *w, mono_t now, wall_t wall, struct str *out)
{
    own_time(w, now);
    size_t size = sizeof(*w) + w->ncells * sizeof(w->cells[0]);
    struct head h = {.magic = MAGIC,
                     .version = VERSION,
                     .size = (uint32_t)size,
                     .crc = crc32_of(w, size),
                     .wall = wall.ns};
    str_put(out, &h, sizeof(h));
    str_put(out, w, size);
}

/* What a CRC does not say: that the bytes were ours. Numbers that are used as places have to be. */
static bool sane(const struct window *w, const struct window *like)
{
    const int64_t far = INT64_MAX / 8;
    bool ok = w->last >= 0 && w->last < far && w->last_ok <= w->last && w->last_err <= w->last &&
              w->last_ok >= -1 && w->last_err >= -1 && w->ndarks <= DARKS;
    for (int i = 0; ok && i < RINGS; i++) {
        const struct ring *a = &w->rings[i], *b = &like->rings[i];
        ok = a->width == b->width && a->n == b->n && a->first == b->first &&
             a->now == w->last / a->width;
    }
    int64_t end = 0;
    for (uint32_t i = 0; ok && i < w->ndarks; i++) {
        ok = w->darks[i].from >= end && w->darks[i].to > w->darks[i].from &&
             w->darks[i].to <= w->last && w->darks[i].lost >= 0 && w->darks[i].lost < 1e18;
        end = w->darks[i].to;
    }
    return ok;
}

static int take(struct window *w, const struct head *h, const char *body, size_t n, struct err *e)
{
    size_t size = sizeof(*w) + w->ncells * sizeof(w->cells[0]);
    if (h->magic != MAGIC || h->version != VERSION)
        return err_set(e, "not a saved window of this version");
    if (h->size != n || crc32_of(body, n) != h->crc)
        return err_set(e, "the saved window is damaged");
    if (n != size)
        return err_set(e, "the saved window has other cells");
    struct window *copy = mem_alloc(size);
    memcpy(copy, body, size);
    bool ok = copy->ncells == w->ncells && sane(copy, w);
    if (ok)
        memcpy(w, copy, size);
    free(copy);
    return ok ? 0 : err_set(e, "the saved window has other cells");
}

static struct window *restore(const void *p, size_t n, dur_t cell, mono_t now, wall_t wall,
                              bool known, struct err *e)
{
    struct head h;
    if (n < sizeof(h)) {
        err_set(e, "the saved window is damaged");
        return NULL;
    }
    memcpy(&h, p, sizeof(h));
    struct window *w = window_new(cell, now);
    if (take(w, &h, (const char *)p + sizeof(h), n - sizeof(h), e) < 0) {
        window_free(&w);
        return NULL;
    }
    int64_t gap = 0;
    if (h.wall < 0 || wall.ns < h.wall || __builtin_sub_overflow(wall.ns, h.wall, &gap))
        gap = 0;
    if (gap > 2 * WINDOW_MAX.ns)
        gap = 2 * WINDOW_MAX.ns;
    w->birth = now.ns - gap - w->last;
    if (!known)
        window_dark(w, (mono_t){now.ns - gap}, now);
    return w;
}

struct window *window_restore(const void *p, size_t n, dur_t cell, mono_t now, wall_t wall,
                              struct err *e)
{
    return restore(p, n, cell, now, wall, false, e);
}

struct window *window_restore_known(const void *p, size_t n, dur_t cell, mono_t now, wall_t wall,
                                    struct err *e)
{
    return restore(p, n, cell, now, wall, true, e);
}
