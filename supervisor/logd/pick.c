/* Chooses what a sink gets next from one of its outputs. */
#include "supervisor/logd/pick.h"
#include "supervisor/core/ansi.h"
#include "supervisor/logd/cut.h"
#include "supervisor/logd/rotate.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/syslog.h"

#include <stdlib.h>
#include <string.h>

#define PIPE_BATCH (64u << 10)
#define FORMAT_BATCH (128u << 10)
#define SAME_TIME 100000000    /* ns: lines that were read within get the same time */
#define BEYOND_ROOM (64 << 10) /* a line may make a file so much longer than maxbytes */

struct choice {
    struct writer *w;
    struct sink *k;
    struct out *o;
    struct logshm_out *x;
    uint64_t to; /* nothing from here on: the end, or a gap */
    bool at_gap;
    struct format format;
};

/* True when a partial line before position end must not wait (any longer). */
static bool must_flush(struct choice *c, uint64_t end)
{
    mono_t now = mono_now();
    if (c->at_gap || end <= c->o->flush_to)
        return true;
    if (!c->o->held_since.ns)
        c->o->held_since = now;
    mono_t due = mono_add(c->o->held_since, PARTIAL_WAIT);
    if (mono_reached(due, now))
        return true;
    if (!c->k->waits || c->k->due.ns > due.ns)
        writer_wait(c->k, due);
    return false;
}

static void from_buffer(struct choice *c, struct pick *p)
{
    const struct str *s = &c->w->out;
    p->data.iov[0] = (struct iovec){s->s, s->len};
    p->data.n = 1;
    p->data.len = s->len;
}

/* ---- marks ---- */

static bool pick_mark(struct choice *c, struct pick *p)
{
    struct str *s = &c->w->out;
    str_clear(s);
    if (c->k->mid_line)
        str_putc(s, '\n');
    p->lost_bytes = c->x->gap_bytes;
    p->lost_lines = c->x->gap_lines;
    p->covers = c->x->gap_end > c->x->done ? c->x->gap_end - c->x->done : 0;
    if (c->k->kind == SINK_SYSLOG) {
        struct str text = STR_INIT;
        format_dropped(&(struct format){.process = c->format.process, .channel = c->format.channel},
                       p->lost_lines, p->lost_bytes, &text);
        syslog_format(s, logshm_string(c->w->d->h, c->w->d->h->syslog_ident), c->format.process,
                      wall_now().ns, str_text(&text), text.len ? text.len - 1 : 0);
        str_fini(&text);
    } else {
        c->format.wall_ns = wall_now().ns;
        format_dropped(&c->format, p->lost_lines, p->lost_bytes, s);
    }
    if (s->failed || !s->len)
        return false;
    from_buffer(c, p);
    return true;
}

/* ---- bytes as they are ---- */

static size_t next_line(const void *obj, size_t from)
{
    return span_next_line(obj, from);
}

/* A file ends with a whole line, where that makes it no longer than BEYOND_ROOM over its limit. */
static void cut_for_rotation(const struct sink *k, struct span *s)
{
    if (!k->regular || k->maxbytes <= 0)
        return;
    int64_t room = k->maxbytes - k->size;
    size_t cut = rotate_cut(s->len, room, next_line, s);
    int64_t most = (room > 0 ? room : 0) + BEYOND_ROOM;
    span_cut(s, (int64_t)cut > most ? (size_t)most : cut);
}

/* Several writers: whole lines only. False: all of it waits. */
static bool cut_to_lines(struct choice *c, struct span *s)
{
    size_t lines = span_last_line(s);
    if (lines == s->len)
        return true;
    if (s->len - lines >= PARTIAL_BYTES || must_flush(c, c->x->done + s->len))
        return true;
    span_cut(s, lines);
    return lines > 0;
}

static bool view(struct choice *c, size_t most, struct span *s)
{
    uint64_t from = c->x->done, to = c->to - from > most ? from + most : c->to;
    s->len = ring_view(&c->w->d->ring, &c->w->d->chains[c->o->stream->slot], from, to, s->iov,
                       SPAN_PIECES, &s->n);
    return s->len > 0;
}

/* What is being written cannot be dropped, so all writers together may hold but a part of the
 * memory. */
static size_t batch_bytes(const struct choice *c)
{
    size_t share = (size_t)c->w->d->h->nblocks * LOGSHM_BLOCK / 64;
    return c->k->regular || share < PIPE_BATCH ? share : PIPE_BATCH;
}

static bool pick_raw(struct choice *c, struct pick *p)
{
    if (!view(c, batch_bytes(c), &p->data))
        return false;
    if (c->k->nouts > 1 && !cut_to_lines(c, &p->data))
        return false;
    cut_for_rotation(c->k, &p->data);
    p->covers = p->data.len;
    p->raw = true;
    return true;
}

/* ---- formatted ---- */

static int64_t time_of(const struct choice *c)
{
    const struct stream *s = c->o->stream;
    int64_t wall = 0;
    if (c->x->done >= c->o->last_from)
        wall = c->o->last_wall;
    else
        wall = ring_wall(&c->w->d->ring, &c->w->d->chains[s->slot], c->x->done);
    return wall ? wall : wall_now().ns;
}

static bool gather(struct choice *c, size_t most, struct span *s)
{
    if (!c->w->in)
        c->w->in = malloc(FORMAT_BATCH);
    c->w->out.failed |= !c->w->in;
    if (!c->w->in || !view(c, most, s))
        return false;
    span_copy(s, c->w->in);
    return true;
}

/* Bytes that were read at about the same time: all but where they had to wait for the sink. */
static size_t same_time(const struct choice *c)
{
    const struct ring *r = &c->w->d->ring;
    const struct chain *chain = &c->w->d->chains[c->o->stream->slot];
    uint64_t done = c->x->done, end = (done / LOGSHM_BLOCK + 1) * LOGSHM_BLOCK;
    if (!format_by_lines(&c->format) || done >= c->o->last_from)
        return FORMAT_BATCH;
    int64_t first = ring_wall(r, chain, done);
    while (end < c->to && end - done < FORMAT_BATCH &&
           ring_wall(r, chain, end) - first <= SAME_TIME)
        end += LOGSHM_BLOCK;
    return end - done < FORMAT_BATCH ? (size_t)(end - done) : FORMAT_BATCH;
}

/* Bytes of whole lines (or, for strip, of what may be written) among the first `most`. */
static size_t format_some(struct choice *c, size_t most)
{
    struct span in;
    str_clear(&c->w->out);
    return gather(c, most, &in) ? format_bytes(&c->format, c->w->in, in.len, false, &c->w->out) : 0;
}

/* All that there is, and a part of a line where that must not wait. */
static size_t format_all(struct choice *c)
{
    struct span in;
    if (!gather(c, FORMAT_BATCH, &in))
        return 0;
    size_t n = in.len;
    if (!format_by_lines(&c->format) && c->k->nouts > 1 && n < FORMAT_BATCH &&
        !cut_to_lines(c, &in))
        return 0;
    str_clear(&c->w->out);
    size_t took = format_bytes(&c->format, c->w->in, in.len, false, &c->w->out);
    if (took == 0 && (n >= FORMAT_BATCH || must_flush(c, c->x->done + n)))
        took = format_bytes(&c->format, c->w->in, in.len, true, &c->w->out);
    return took;
}

/* The line that begins in the first `most` bytes and ends behind them, alone: what follows it was
 * read at another time. */
static size_t format_over(struct choice *c, size_t most)
{
    struct span in;
    if (!gather(c, most + LOGSHM_BLOCK, &in))
        return 0;
    const char *end = memchr(c->w->in, '\n', in.len);
    str_clear(&c->w->out);
    return end ? format_bytes(&c->format, c->w->in, (size_t)(end + 1 - c->w->in), false, &c->w->out)
               : 0;
}

static bool pick_formatted(struct choice *c, struct pick *p)
{
    size_t most = same_time(c);
    c->format.wall_ns = time_of(c);
    size_t took = most < FORMAT_BATCH ? format_some(c, most) : 0;
    if (took == 0 && most + LOGSHM_BLOCK < FORMAT_BATCH)
        took = format_over(c, most);
    if (took == 0)
        took = format_all(c);
    if (took == 0 || c->w->out.failed)
        return false;
    p->covers = took;
    if (c->w->out.len) /* else there was nothing but escapes */
        from_buffer(c, p);
    return true;
}

/* ---- syslog: one line, one datagram ---- */

static bool pick_syslog(struct choice *c, struct pick *p)
{
    struct span in;
    if (!gather(c, SYSLOG_LINE_MAX + 1, &in))
        return false;
    size_t end = span_next_line(&in, 0);
    if (!end && in.len <= SYSLOG_LINE_MAX && !must_flush(c, c->x->done + in.len))
        return false;
    p->covers = end ? end : in.len;
    struct str plain = STR_INIT;
    const char *line = c->w->in;
    size_t n = end ? end - 1 : in.len;
    if (c->format.strip) {
        ansi_strip(line, n, true, &plain);
        line = str_text(&plain);
        n = plain.len;
    }
    str_clear(&c->w->out);
    const char *name = c->o->stream->slot == LOGSHM_MAIN ? "" : c->format.process;
    syslog_format(&c->w->out, logshm_string(c->w->d->h, c->w->d->h->syslog_ident), name, time_of(c),
                  line, n);
    str_fini(&plain);
    if (c->w->out.failed)
        return false;
    from_buffer(c, p);
    return true;
}

/* ---- capture mode ---- */

/* Limits the choice to what stands outside the marks. False: a pick that skips the rest was made,
 * or there is nothing to do. */
static bool is_outside(struct choice *c, struct pick *p, bool *out_skips)
{
    struct cut cut;
    *out_skips = false;
    if (!view(c, FORMAT_BATCH, &p->data))
        return false;
    uint64_t end = c->x->done + p->data.len;
    cut_find(c->w->d, c->o, &p->data, end <= c->o->flush_to || (c->at_gap && end == c->to), &cut);
    p->data.len = 0;
    p->data.n = 0;
    if (cut.to > c->x->done) {
        c->at_gap = cut.ends || (c->at_gap && cut.to == c->to);
        c->to = cut.to;
        return true;
    }
    *out_skips = cut.skip > c->x->done;
    p->covers = cut.skip - c->x->done;
    p->cut = true;
    p->cut_on = cut.on;
    return false;
}

bool pick(struct writer *w, struct sink *k, struct out *o, struct pick *p)
{
    struct choice c = {.w = w, .k = k, .o = o, .x = out_shared(w->d, o)};
    c.to = stream_shared(w->d, o->stream)->read;
    str_clear(&w->out);
    p->out = o;
    p->data.n = 0;
    p->data.len = 0;
    p->raw = false;
    p->cut = p->cut_on = false;
    p->lost_bytes = p->lost_lines = 0;
    stream_format(w->d, o->stream, o->which, &c.format);
    bool gap = c.x->gap_end > c.x->done;
    bool captures = stream_shared(w->d, o->stream)->capture, skips;
    bool skipped = !gap && c.x->gap_bytes && c.x->done < c.to; /* see pressure_skip */
    if (skipped || (gap && c.x->gap <= c.x->done)) {
        p->cut = captures; /* who knows what the gap held: rather too much in the log */
        return pick_mark(&c, p);
    }
    if (gap && c.x->gap < c.to) {
        c.to = c.x->gap;
        c.at_gap = true;
    }
    if (c.x->done >= c.to)
        return false;
    if (captures && !is_outside(&c, p, &skips))
        return skips;
    bool chosen = k->kind == SINK_SYSLOG     ? pick_syslog(&c, p)
                  : format_needed(&c.format) ? pick_formatted(&c, p)
                                             : pick_raw(&c, p);
    if (chosen)
        o->held_since = MONO_NEVER;
    return chosen;
}
