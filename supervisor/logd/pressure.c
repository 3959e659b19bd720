/* What happens when all blocks are in use. */
#include "supervisor/logd/pressure.h"
#include "supervisor/logd/span.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/tap.h"

#define DROP_LEAST (16u * LOGSHM_BLOCK)
#define LINE_SEARCH 65536u /* a longer line is cut */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Behind the next newline at or after pos, or pos if there is none near before end. */
static uint64_t line_end(struct logd *d, const struct stream *s, uint64_t pos, uint64_t end)
{
    struct span v;
    uint64_t to = end - pos > LINE_SEARCH ? pos + LINE_SEARCH : end;
    v.len = ring_view(&d->ring, &d->chains[s->slot], pos, to, v.iov, SPAN_PIECES, &v.n);
    return pos + span_next_line(&v, 0);
}

static uint64_t lines_between(struct logd *d, const struct stream *s, uint64_t from, uint64_t to)
{
    uint64_t lines = 0;
    while (from < to) {
        struct span v;
        v.len = ring_view(&d->ring, &d->chains[s->slot], from, to, v.iov, SPAN_PIECES, &v.n);
        if (!v.len)
            break;
        lines += span_count_lines(&v);
        from += v.len;
    }
    return lines;
}

/* Where an output can be cut: behind what is being written or dropped already. */
static uint64_t cut_start(struct logd *d, const struct out *o)
{
    const struct logshm_out *x = out_shared(d, o);
    return larger(larger(x->done, o->pinned), x->gap_end);
}

/* The output misses [start, end) from now on. */
static void drop_of(struct logd *d, struct stream *s, struct out *o, uint64_t end)
{
    struct logshm_out *x = out_shared(d, o);
    struct logshm_progress *r = logshm_progress(d->h, s->slot);
    uint64_t start = cut_start(d, o);
    bool extend = x->gap_end > x->done && x->gap_end > o->pinned && start == x->gap_end;
    if (start >= end)
        return;
    if (!extend) {
        uint64_t whole = line_end(d, s, start, end);
        start = whole < end ? whole : start;
    }
    uint64_t lines = lines_between(d, s, start, end);
    x->gap_bytes += end - start;
    x->gap_lines += lines;
    r->lost_bytes += end - start;
    r->lost_lines += lines;
    if (!extend)
        x->gap = start;
    LOGSHM_ORDER();
    x->gap_end = end;
    LOGSHM_ORDER();
}

uint32_t pressure_drop(struct logd *d, struct stream *s, uint64_t bytes)
{
    uint64_t read = stream_shared(d, s)->read, start = UINT64_MAX;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        uint64_t from = s->outs[i].sink ? cut_start(d, &s->outs[i]) : UINT64_MAX;
        start = from < start ? from : start;
    }
    if (start >= read)
        return 0;
    uint64_t end = start + bytes + LOGSHM_BLOCK;
    end = end < read ? line_end(d, s, end, read) : read;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        if (s->outs[i].sink)
            drop_of(d, s, &s->outs[i], end);
    return stream_reclaim(d, s, 0, true);
}

void pressure_skip(struct logd *d, struct out *o)
{
    const struct stream *s = o->stream;
    struct logshm_out *x = out_shared(d, o);
    struct logshm_progress *r = logshm_progress(d->h, s->slot);
    uint64_t read = stream_shared(d, s)->read, done = x->done;
    bool gap = x->gap_end > done; /* which is counted already */
    uint64_t until = gap ? larger(x->gap, done) : read, from = gap ? x->gap_end : read;
    uint64_t bytes = until - done + read - from;
    uint64_t lines = lines_between(d, s, done, until) + lines_between(d, s, from, read);
    x->gap_bytes += bytes;
    x->gap_lines += lines;
    r->lost_bytes += bytes;
    r->lost_lines += lines;
    LOGSHM_ORDER();
    x->done = read;
}

/* ---- whom it hits ---- */

static bool blocks(const struct logd *d, const struct stream *s)
{
    return stream_shared(d, s)->block;
}

static bool drop_history(struct logd *d)
{
    uint32_t freed = 0, most = 1;
    struct stream *richest = NULL;
    for (uint32_t i = 0; i < d->h->used; i++) {
        struct stream *s = stream_at(d, i);
        if (s && s->keep && d->chains[i].n > most && !stream_backlog(d, s)) {
            most = d->chains[i].n;
            richest = s;
        }
    }
    if (richest)
        freed = stream_reclaim(d, richest, most > 4 ? LOGSHM_BLOCK : 0, false);
    return freed > 0;
}

/* Bytes that could be dropped. */
static uint64_t droppable(struct logd *d, const struct stream *s)
{
    uint64_t read = stream_shared(d, s)->read, start = read;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        uint64_t from = s->outs[i].sink ? cut_start(d, &s->outs[i]) : read;
        start = from < start ? from : start;
    }
    return read - start;
}

static struct stream *richest_in_backlog(struct logd *d, uint64_t *out_bytes)
{
    struct stream *richest = NULL;
    *out_bytes = 0;
    for (uint32_t i = 0; i < d->h->used; i++) {
        struct stream *s = stream_at(d, i);
        uint64_t bytes = s && d->chains[i].n && !blocks(d, s) ? droppable(d, s) : 0;
        if (bytes > *out_bytes) {
            *out_bytes = bytes;
            richest = s;
        }
    }
    return richest;
}

bool pressure_relieve(struct logd *d)
{
    if (drop_history(d) || tap_relieve(d))
        return true;
    uint64_t bytes;
    struct stream *s = richest_in_backlog(d, &bytes);
    return s && pressure_drop(d, s, larger(bytes / 8, DROP_LEAST)) > 0;
}
