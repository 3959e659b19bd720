/* The blocks that hold output between a pipe and its sinks. */
#include "supervisor/logd/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK ((uint64_t)LOGSHM_BLOCK)

static char *block_at(const struct ring *r, uint32_t block)
{
    return (char *)logshm_at(r->h, r->h->blocks) + (uint64_t)(block - 1) * BLOCK;
}

static uint32_t page_of(const struct ring *r, uint32_t block)
{
    return (uint32_t)r->descs[block - 1].owner;
}

/* Where the block's bytes start in the stream; near is a position not 2^43 bytes away. */
static uint64_t start_of(const struct ring *r, uint32_t block, uint64_t near)
{
    uint64_t page = near / BLOCK;
    int32_t ahead = (int32_t)(page_of(r, block) - (uint32_t)page);
    return (page + (uint64_t)(int64_t)ahead) * BLOCK;
}

/* ---- free list ---- */

static void block_free(struct ring *r, uint32_t block)
{
    r->descs[block - 1].owner = 0;
    r->next[block - 1] = r->free;
    r->free = block;
    r->nfree++;
}

static uint32_t block_take(struct ring *r, uint32_t slot, uint64_t page, int64_t wall_ns)
{
    uint32_t block = r->free;
    if (block)
        r->free = r->next[block - 1];
    else if (r->h->fresh < r->h->nblocks)
        block = ++r->h->fresh;
    else
        return 0;
    LOGSHM_ORDER();
    r->nfree--;
    r->next[block - 1] = 0;
    r->descs[block - 1].wall = wall_ns;
    *(volatile char *)block_at(r, block) = 0; /* the page is there before a read() needs it */
    LOGSHM_ORDER();
    r->descs[block - 1].owner = ((uint64_t)slot + 1) << 32 | (uint32_t)page;
    if (block > r->untouched)
        r->untouched = block;
    return block;
}

static void append(struct ring *r, struct chain *c, uint32_t block)
{
    r->next[block - 1] = 0;
    if (c->last)
        r->next[c->last - 1] = block;
    else
        c->first = block;
    c->last = block;
    c->n++;
}

/* ---- taking over ---- */

static uint32_t owner_slot(const struct ring *r, uint32_t block)
{
    return (uint32_t)(r->descs[block - 1].owner >> 32) - 1;
}

static uint32_t live_owner(const struct ring *r, uint32_t block)
{
    uint32_t slot = owner_slot(r, block);
    if (slot == UINT32_MAX || slot >= r->h->used || logshm_stream(r->h, slot)->state == LOGSHM_FREE)
        return UINT32_MAX;
    return slot;
}

struct found {
    uint64_t start;
    uint32_t block, slot;
};

static int by_place(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->start < y->start ? -1 : x->start > y->start;
}

static size_t find_owned(struct ring *r, struct found *found)
{
    size_t n = 0;
    r->nfree = r->h->nblocks - r->h->fresh;
    r->untouched = r->h->fresh; /* a predecessor may have been killed before it trimmed */
    for (uint32_t b = r->h->fresh; b > 0; b--) {
        uint32_t slot = live_owner(r, b);
        if (slot == UINT32_MAX) {
            block_free(r, b);
            continue;
        }
        uint64_t start = start_of(r, b, logshm_stream(r->h, slot)->read);
        found[n++] = (struct found){start, b, slot};
    }
    return n;
}

int ring_open(struct ring *r, struct logshm_head *h, struct chain *chains)
{
    memset(r, 0, sizeof(*r));
    r->h = h;
    r->descs = logshm_at(h, h->descs);
    r->next = calloc(h->nblocks, sizeof(*r->next));
    struct found *found = calloc(h->nblocks, sizeof(*found));
    if (!r->next || !found) {
        free(found);
        ring_close(r);
        return -1;
    }
    size_t n = find_owned(r, found);
    qsort(found, n, sizeof(*found), by_place);
    for (size_t i = 0; i < n; i++)
        append(r, &chains[found[i].slot], found[i].block);
    free(found);
    return 0;
}

void ring_close(struct ring *r)
{
    free(r->next);
    r->next = NULL;
}

/* ---- positions ---- */

static uint32_t find(const struct ring *r, const struct chain *c, uint64_t pos)
{
    uint32_t page = (uint32_t)(pos / BLOCK);
    if (c->last && page_of(r, c->last) == page)
        return c->last;
    for (uint32_t b = c->first; b; b = r->next[b - 1])
        if (page_of(r, b) == page)
            return b;
    return 0;
}

static void add_iov(struct iovec *iov, int *n, char *p, size_t len)
{
    if (*n && (char *)iov[*n - 1].iov_base + iov[*n - 1].iov_len == p)
        iov[*n - 1].iov_len += len;
    else
        iov[(*n)++] = (struct iovec){p, len};
}

size_t ring_view(const struct ring *r, const struct chain *c, uint64_t from, uint64_t to,
                 struct iovec *iov, int max, int *out_n)
{
    uint64_t pos = from;
    *out_n = 0;
    for (uint32_t b = from < to ? find(r, c, from) : 0; b && pos < to; b = r->next[b - 1]) {
        if (page_of(r, b) != (uint32_t)(pos / BLOCK) || *out_n == max)
            break;
        uint64_t off = pos % BLOCK, len = BLOCK - off;
        if (len > to - pos)
            len = to - pos;
        add_iov(iov, out_n, block_at(r, b) + off, (size_t)len);
        pos += len;
    }
    return (size_t)(pos - from);
}

int64_t ring_wall(const struct ring *r, const struct chain *c, uint64_t pos)
{
    uint32_t b = find(r, c, pos);
    return b ? r->descs[b - 1].wall : 0;
}

uint64_t ring_oldest(const struct ring *r, const struct chain *c, uint64_t read)
{
    return c->first ? start_of(r, c->first, read) : read;
}

/* ---- filling ---- */

size_t ring_room(struct ring *r, struct chain *c, uint32_t slot, size_t want, struct iovec *iov,
                 int max, int *out_n, int64_t wall_ns)
{
    uint64_t pos = logshm_stream(r->h, slot)->read, end = pos + want;
    *out_n = 0;
    while (pos < end && *out_n < max) {
        uint32_t b = c->last && page_of(r, c->last) == (uint32_t)(pos / BLOCK) ? c->last : 0;
        if (!b) {
            b = block_take(r, slot, pos / BLOCK, wall_ns);
            if (!b)
                break;
            append(r, c, b);
        }
        uint64_t off = pos % BLOCK, len = BLOCK - off;
        if (len > end - pos)
            len = end - pos;
        add_iov(iov, out_n, block_at(r, b) + off, (size_t)len);
        pos += len;
    }
    return (size_t)(pos - (end - want));
}

/* The last bytes of a read() that is to end at position end: at most eight. */
static size_t tail_view(const struct ring *r, const struct chain *c, uint64_t from, uint64_t end,
                        struct iovec *iov, int *n)
{
    uint64_t k = end - from < 8 ? end - from : 8;
    return ring_view(r, c, end - k, end, iov, 2, n) == k ? (size_t)k : 0;
}

static void put_sentinel(struct ring *r, struct chain *c, uint64_t from, uint64_t end)
{
    struct iovec iov[2];
    int n;
    const char *mark = (const char *)&r->h->sentinel;
    if (!tail_view(r, c, from, end, iov, &n))
        return;
    for (int i = 0; i < n; i++) {
        memcpy(iov[i].iov_base, mark, iov[i].iov_len);
        mark += iov[i].iov_len;
    }
}

static bool has_sentinel(struct ring *r, struct chain *c, uint64_t from, uint64_t end)
{
    struct iovec iov[2];
    int n;
    const char *mark = (const char *)&r->h->sentinel;
    if (!tail_view(r, c, from, end, iov, &n))
        return true; /* the memory is not even there: nothing can have been read into it */
    for (int i = 0; i < n; i++) {
        if (memcmp(iov[i].iov_base, mark, iov[i].iov_len) != 0)
            return false;
        mark += iov[i].iov_len;
    }
    return true;
}

void ring_begin(struct ring *r, struct chain *c, uint32_t slot, size_t n)
{
    struct logshm_stream *s = logshm_stream(r->h, slot);
    logshm_use(r->h, slot);
    put_sentinel(r, c, s->read, s->read + n);
    LOGSHM_ORDER();
    s->aim = s->read + n;
    LOGSHM_ORDER();
}

void ring_commit(struct ring *r, struct chain *c, uint32_t slot, size_t n)
{
    struct logshm_stream *s = logshm_stream(r->h, slot);
    (void)c;
    LOGSHM_ORDER();
    s->aim = s->read + n; /* a short read: what was read ends here */
    LOGSHM_ORDER();
    logshm_progress(r->h, slot)->bytes += n;
    LOGSHM_ORDER();
    s->read += n;
    LOGSHM_ORDER();
}

/* ---- freeing ---- */

uint32_t ring_reclaim(struct ring *r, struct chain *c, ring_keep_fn *keep, const void *obj,
                      bool stop_early)
{
    uint32_t freed = 0, before = 0;
    uint64_t near = c->first ? logshm_stream(r->h, owner_slot(r, c->first))->read : 0;
    for (uint32_t b = c->first, next; b; b = next) {
        next = r->next[b - 1];
        uint64_t start = start_of(r, b, near);
        if (keep(obj, start, start + BLOCK)) {
            if (stop_early)
                break;
            before = b;
            continue;
        }
        if (before)
            r->next[before - 1] = next;
        else
            c->first = next;
        if (c->last == b)
            c->last = before;
        c->n--;
        block_free(r, b);
        freed++;
    }
    return freed;
}

static bool keep_nothing(const void *obj, uint64_t start, uint64_t end)
{
    (void)obj;
    (void)start;
    (void)end;
    return false;
}

void ring_clear(struct ring *r, struct chain *c)
{
    ring_reclaim(r, c, keep_nothing, NULL, false);
}

struct limits {
    uint64_t end;
};

static bool keep_before_end(const void *obj, uint64_t start, uint64_t end)
{
    (void)end;
    return start < ((const struct limits *)obj)->end;
}

/* A gap over what an output still wants but has no block any more: a kill may come between the
 * start of a new gap and the end of an older one's mark. Without it the output would wait for
 * ever. */
static void close_holes(struct ring *r, struct chain *c, uint32_t slot, unsigned which)
{
    struct logshm_stream *s = logshm_stream(r->h, slot);
    struct logshm_out *o = logshm_out(r->h, slot, which);
    if (o->done > s->read)
        o->done = s->read;
    if (o->done >= s->read || (o->gap_end > o->done && o->gap <= o->done) || find(r, c, o->done))
        return;
    uint64_t end = o->gap_end > o->done ? o->gap_end : ring_oldest(r, c, s->read);
    uint64_t start = o->gap_end > o->done ? o->gap : end;
    o->gap_bytes += start - o->done;
    o->gap = o->done;
    LOGSHM_ORDER();
    o->gap_end = end;
}

void ring_recover(struct ring *r, struct chain *c, uint32_t slot)
{
    struct logshm_stream *s = logshm_stream(r->h, slot);
    if (!(s->flags & LOGSHM_USED))
        return;
    if (s->aim > s->read && !has_sentinel(r, c, s->read, s->aim)) {
        logshm_progress(r->h, slot)->bytes += s->aim - s->read;
        s->read = s->aim;
    }
    s->aim = s->read;
    struct limits l = {s->read};
    ring_reclaim(r, c, keep_before_end, &l, false);
    close_holes(r, c, slot, 0);
    if (s->flags & LOGSHM_SECOND)
        close_holes(r, c, slot, 1);
}

void ring_trim(struct ring *r, uint32_t spare)
{
    uint32_t keep = spare;
    for (uint32_t b = r->free; b; b = r->next[b - 1]) {
        if (b > r->untouched)
            continue;
        if (keep)
            keep--;
        else
            madvise(block_at(r, b), LOGSHM_BLOCK, MADV_REMOVE);
    }
    if (r->nfree == r->h->nblocks)
        r->untouched = 0;
}
