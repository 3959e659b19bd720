/* A program's stream inside supd-log. */
#include "supervisor/logd/stream.h"
#include "supervisor/logd/intake.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/autofile.h"
#include "supervisor/logd/orders.h"
#include "supervisor/logd/pressure.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/sink.h"
#include "supervisor/logd/tail.h"
#include "supervisor/logd/tap.h"
#include "supervisor/logd/writer.h"

#include <stdlib.h>
#include <sys/epoll.h>

/* ---- outputs ---- */

static void detach(struct out *o)
{
    struct sink *k = o->sink;
    if (!k)
        return;
    TAILQ_REMOVE(&k->outs, o, link);
    k->nouts--;
    o->sink = NULL;
    if (k->half == o)
        k->half = NULL;
    if (k->nouts == 0)
        writer_orphan(k);
}

/* What a stream without a sink has; never written to. */
static struct out no_outs[LOGSHM_OUTS];

static int make_outs(struct stream *s)
{
    if (s->outs != no_outs)
        return 0;
    struct out *outs = calloc(LOGSHM_OUTS, sizeof(*outs));
    if (!outs)
        return -1;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        outs[i].stream = s;
        outs[i].which = i;
    }
    s->outs = outs;
    return 0;
}

/* 0, or -1: there is no memory, and it has no sink. */
static int attach(struct stream *s, unsigned which, struct sink *k)
{
    if (s->outs[which].sink == k)
        return 0;
    detach(&s->outs[which]);
    if (!k)
        return 0;
    if (make_outs(s) < 0) {
        if (k->nouts == 0)
            writer_orphan(k);
        return -1;
    }
    struct out *o = &s->outs[which];
    o->sink = k;
    TAILQ_INSERT_TAIL(&k->outs, o, link);
    k->nouts++;
    return 0;
}

/* The record as supd wrote it, whole: it may be writing just now. */
static void read_config(const struct logshm_stream *from, struct logshm_stream *to)
{
    uint32_t seq;
    do {
        seq = __atomic_load_n(&from->seq, __ATOMIC_ACQUIRE);
        *to = *from;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } while ((seq & 1) || seq != __atomic_load_n(&from->seq, __ATOMIC_ACQUIRE));
}

/* The sink of its configuration. Without memory for one it must not seem to have none: what comes
 * would be dropped. */
static void take_sink(struct logd *d, struct stream *s, unsigned which,
                      const struct logshm_stream *c)
{
    struct sink *k = sink_get(d, c, which);
    if (k && attach(s, which, k) == 0)
        return;
    detach(&s->outs[which]);
    s->lazy |= which == 0;
    logd_start_over(d, "no memory for a place where output goes");
}

static void configure_second(struct logd *d, struct stream *s, const struct logshm_stream *c)
{
    struct logshm_stream *r = stream_shared(d, s);
    bool wanted = c->syslog || c->copy_to_stdout;
    if (wanted && !(r->flags & LOGSHM_SECOND)) {
        *logshm_out(d->h, s->slot, 1) = (struct logshm_out){.done = r->read};
        LOGSHM_ORDER();
        r->flags = (uint8_t)(r->flags | LOGSHM_SECOND);
    }
    if (wanted)
        take_sink(d, s, 1, c);
    else
        detach(&s->outs[1]);
    if (!wanted)
        r->flags = (uint8_t)(r->flags & ~LOGSHM_SECOND);
}

void stream_sink(struct logd *d, struct stream *s)
{
    struct logshm_stream c;
    if (!s->lazy)
        return;
    read_config(stream_shared(d, s), &c);
    s->lazy = false;
    take_sink(d, s, 0, &c);
    struct sink *k = s->outs[0].sink;
    s->keep = k && k->recovered && !k->regular;
}

/* An unfinished rotation has to end before anybody creates the file. */
static bool in_rotation(const struct logd *d, const struct stream *s)
{
    for (unsigned i = 0; i < LOGSHM_WRITERS; i++)
        if (d->h->rotations[i].slot == s->slot + 1)
            return true;
    return false;
}

/* Very many programs are silent: a file's sink can wait. An AUTO file is there from the start, one
 * with a name as soon as a process runs. */
static bool can_wait(struct logd *d, struct stream *s, const struct logshm_stream *c)
{
    if (s->outs[0].sink || in_rotation(d, s))
        return false;
    if (c->kind == LOGSHM_FILE && c->runs)
        autofile_want(d, s); /* else its first byte makes it */
    return c->kind == LOGSHM_FILE || (c->kind == LOGSHM_AUTO && autofile_want(d, s));
}

/* Before any of its bytes is written. */
static void look_at_run(struct logd *d, struct stream *s)
{
    const struct logshm_stream *r = stream_shared(d, s);
    if (s->run == r->run)
        return;
    s->run = r->run;
    if (s->outs[0].sink && s->outs[0].sink->kind == SINK_FILE)
        sink_look(d, s->outs[0].sink);
}

void stream_run(struct logd *d, struct stream *s)
{
    if (!stream_shared(d, s)->runs)
        return;
    if (s->lazy)
        autofile_want(d, s);
    look_at_run(d, s);
}

void stream_configure(struct logd *d, struct stream *s)
{
    struct logshm_stream c;
    read_config(stream_shared(d, s), &c);
    if (s->sided != c.sided)
        intake_wait(d, s); /* the reader alone reads the pipe of a stream with a side */
    s->sided = c.sided;
    if (s->sided)
        tap_configure(d, s);
    s->lazy = can_wait(d, s, &c);
    if (c.kind == LOGSHM_NONE || s->lazy)
        detach(&s->outs[0]);
    else
        take_sink(d, s, 0, &c);
    struct sink *k = s->outs[0].sink;
    configure_second(d, s, &c);
    s->keep = c.kind == LOGSHM_NONE || c.kind == LOGSHM_FD;
    if (k && k->is_auto && k->fd < 0) {
        k->want_open = true;
        writer_queue(d, k);
    }
    stream_has_more(d, s);
}

void stream_add(struct logd *d, uint32_t slot, int fd)
{
    struct stream *s = &d->streams[slot];
    *s = (struct stream){.slot = slot, .fd = fd, .used = true, .outs = no_outs};
    s->run = stream_shared(d, s)->run;
    stream_configure(d, s);
}

void stream_to_memory(struct logd *d, struct stream *s)
{
    s->lazy = false;
    detach(&s->outs[0]);
    s->keep = true;
    stream_has_more(d, s);
}

void stream_auto_failed(struct logd *d, struct stream *s)
{
    struct logshm_stream *r = stream_shared(d, s);
    r->flags = (uint8_t)(r->flags | LOGSHM_AUTO_FAILED);
    stream_to_memory(d, s);
}

/* ---- progress ---- */

void stream_has_more(struct logd *d, struct stream *s)
{
    struct logshm_stream *r = stream_shared(d, s);
    struct logshm_out *first = logshm_out(d->h, s->slot, 0);
    bool used = r->flags & LOGSHM_USED;
    if (used && first->done < r->read)
        stream_sink(d, s);
    look_at_run(d, s);
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        struct out *o = &s->outs[i];
        if (used && o->sink && out_shared(d, o)->done < r->read)
            writer_queue(d, o->sink);
    }
    if (!s->outs[0].sink) {
        if (used && !s->lazy)
            first->done = r->read;
        stream_progress(d, s);
    }
}

void stream_was_read(struct stream *s, uint64_t from, int64_t wall)
{
    for (unsigned i = 0; s->outs != no_outs && i < LOGSHM_OUTS; i++) {
        s->outs[i].last_from = from;
        s->outs[i].last_wall = wall;
    }
}

/* Where an output still wants bytes: [from, to) but for its gap. */
static bool out_wants(const struct logd *d, const struct out *o, uint64_t start, uint64_t end)
{
    if (!o->sink)
        return false;
    const struct logshm_out *x = out_shared(d, o);
    if (end <= x->done || start >= stream_shared(d, o->stream)->read)
        return false;
    if (x->gap_end <= x->done)
        return true;
    return start < x->gap || end > x->gap_end;
}

struct needs {
    const struct logd *d;
    const struct stream *s;
    uint64_t read, history;
};

static bool is_needed(const void *obj, uint64_t start, uint64_t end)
{
    const struct needs *n = obj;
    if (start <= n->read && n->read < end && (n->read > start || n->s->reading))
        return true;
    if (n->s->reading && start >= n->read)
        return true;
    if (end + n->history > n->read)
        return true;
    return out_wants(n->d, &n->s->outs[0], start, end) ||
           out_wants(n->d, &n->s->outs[1], start, end) || tap_needs(n->d, n->s, start, end);
}

/* An idle stream gives its last block back, too: its next byte starts a new one. */
static void let_go(struct logd *d, struct stream *s)
{
    struct logshm_stream *r = stream_shared(d, s);
    uint64_t next = (r->read + LOGSHM_BLOCK - 1) & ~(uint64_t)(LOGSHM_BLOCK - 1);
    if (next == r->read || s->reading || s->keep || stream_backlog(d, s) ||
        tap_needs(d, s, 0, r->read))
        return;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        if (s->outs[i].pinned)
            return;
    if (r->flags & LOGSHM_SECOND)
        logshm_out(d->h, s->slot, 1)->done = next;
    logshm_out(d->h, s->slot, 0)->done = next;
    if (s->sided)
        tap_jump(d, s, next);
    LOGSHM_ORDER();
    r->read = next;
    LOGSHM_ORDER();
}

/* It has bytes for a sink that could not be made. */
static bool is_owed(const struct logd *d, const struct stream *s)
{
    return s->lazy && logshm_out(d->h, s->slot, 0)->done < stream_shared(d, s)->read;
}

uint32_t stream_reclaim(struct logd *d, struct stream *s, uint32_t history, bool all)
{
    struct logshm_stream *r = stream_shared(d, s);
    struct chain *c = &d->chains[s->slot];
    if (!c->first || is_owed(d, s))
        return 0;
    if (!history)
        let_go(d, s);
    struct needs n = {d, s, r->read, history};
    uint32_t freed = ring_reclaim(&d->ring, c, is_needed, &n, !all);
    return freed;
}

void stream_forget(struct logd *d, struct stream *s)
{
    bool keep = s->keep;
    s->keep = false;
    stream_reclaim(d, s, 0, true);
    s->keep = keep;
}

uint64_t stream_backlog(const struct logd *d, const struct stream *s)
{
    uint64_t most = 0, read = stream_shared(d, s)->read;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        const struct logshm_out *x = s->outs[i].sink ? out_shared(d, &s->outs[i]) : NULL;
        if (!x || x->done >= read)
            continue;
        uint64_t left = read - x->done;
        if (x->gap_end > x->done)
            left -= x->gap_end - (x->gap > x->done ? x->gap : x->done);
        most = left > most ? left : most;
    }
    return most;
}

void stream_progress(struct logd *d, struct stream *s)
{
    stream_reclaim(d, s, s->keep ? HISTORY_BYTES : 0, false);
    if (s->waiters)
        orders_answer(d);
    if (s->paused || s->left)
        reader_resume(d, s);
    if (s->closing && stream_released(d, s))
        reader_poke(d);
    tails_wake(d, s);
}

void stream_give_up(struct logd *d, struct stream *s, struct out *o)
{
    struct logshm_stream *r = stream_shared(d, s);
    const struct logshm_out *x = out_shared(d, o);
    if (x->done >= r->read)
        return;
    pressure_skip(d, o);
    log_warn("%s %s: %llu bytes could not be written to %s before the stream ended",
             logshm_string(d->h, r->name), r->channel ? "stderr" : "stdout",
             (unsigned long long)x->gap_bytes, sink_name(o->sink));
    stream_progress(d, s);
}

void stream_flush(struct logd *d, struct stream *s)
{
    uint64_t read = stream_shared(d, s)->read;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        if (!s->outs[i].sink)
            continue;
        s->outs[i].flush_to = read;
        if (out_shared(d, &s->outs[i])->done < read)
            writer_queue_now(d, s->outs[i].sink);
    }
}

/* ---- the end ---- */

bool stream_released(const struct logd *d, const struct stream *s)
{
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        if (s->outs[i].pinned ||
            (s->outs[i].sink && (s->outs[i].sink->busy ||
                                 out_shared(d, &s->outs[i])->done < stream_shared(d, s)->read)))
            return false;
    return s->closing && !s->unmade && !s->making && !s->reading && !s->rest;
}

void stream_remove(struct logd *d, struct stream *s)
{
    tails_forget(d, s);
    tap_forget(d, s);
    if (s->paused || s->left)
        d->npaused--;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        detach(&s->outs[i]);
    ring_clear(&d->ring, &d->chains[s->slot]);
    for (unsigned i = 0; i < LOGSHM_WRITERS; i++)
        if (d->h->rotations[i].slot == s->slot + 1)
            d->h->rotations[i].slot = 0; /* never finished: its file was not used again */
    fd_close(&s->fd);
    if (s->outs != no_outs)
        free(s->outs);
    s->outs = no_outs;
    s->used = false;
}

void stream_format(const struct logd *d, const struct stream *s, unsigned which, struct format *out)
{
    const struct logshm_stream *r = stream_shared(d, s);
    out->tag = which == 1 && s->slot != LOGSHM_MAIN;
    out->prefix = r->prefix && !out->tag;
    out->json = r->json && !out->tag;
    out->strip = r->strip_ansi;
    out->program = logshm_string(d->h, r->program);
    out->process = logshm_string(d->h, r->name);
    out->channel = r->channel ? "stderr" : "stdout";
    out->wall_ns = 0;
}
