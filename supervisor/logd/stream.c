/* A program's stream inside supd-log. */
#include "supervisor/logd/stream.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/orders.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/sink.h"
#include "supervisor/logd/tail.h"
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
    if (k->nouts == 0)
        writer_orphan(k);
}

static void attach(struct out *o, struct sink *k)
{
    if (o->sink == k)
        return;
    detach(o);
    if (!k)
        return;
    o->sink = k;
    TAILQ_INSERT_TAIL(&k->outs, o, link);
    k->nouts++;
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

static void configure_second(struct logd *d, struct stream *s, const struct logshm_stream *c)
{
    struct logshm_stream *r = stream_shared(d, s);
    bool wanted = c->syslog || c->copy_to_stdout;
    if (wanted && !(r->flags & LOGSHM_SECOND)) {
        *logshm_out(d->h, s->slot, 1) = (struct logshm_out){.done = r->read};
        LOGSHM_ORDER();
        r->flags |= LOGSHM_SECOND;
    }
    attach(&s->outs[1], wanted ? sink_get(d, c, 1) : NULL);
    if (!wanted)
        r->flags &= ~(uint32_t)LOGSHM_SECOND;
}

void stream_sink(struct logd *d, struct stream *s)
{
    struct logshm_stream c;
    if (!s->lazy)
        return;
    read_config(stream_shared(d, s), &c);
    struct sink *k = sink_get(d, &c, 0);
    attach(&s->outs[0], k);
    s->lazy = false;
    s->keep = k && k->recovered && !k->regular;
}

/* Very many programs are silent: a file's sink can wait. One that is in use is changed now. */
void stream_configure(struct logd *d, struct stream *s)
{
    struct logshm_stream c;
    read_config(stream_shared(d, s), &c);
    s->lazy = c.kind == LOGSHM_FILE && !s->outs[0].sink;
    struct sink *k = c.kind == LOGSHM_NONE || s->lazy ? NULL : sink_get(d, &c, 0);
    attach(&s->outs[0], k);
    configure_second(d, s, &c);
    s->keep = c.kind == LOGSHM_NONE || c.kind == LOGSHM_FD;
    if (k && k->is_auto && k->fd < 0) {
        k->want_open = true;
        writer_queue(d, k);
    }
    stream_has_more(d, s);
}

int stream_add(struct logd *d, uint32_t slot, int fd)
{
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return -1;
    s->slot = slot;
    s->fd = fd;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        s->outs[i].stream = s;
        s->outs[i].which = i;
    }
    d->streams[slot] = s;
    stream_configure(d, s);
    return 0;
}

void stream_to_memory(struct logd *d, struct stream *s)
{
    s->lazy = false;
    detach(&s->outs[0]);
    s->keep = true;
    stream_has_more(d, s);
}

/* ---- progress ---- */

void stream_has_more(struct logd *d, struct stream *s)
{
    struct logshm_stream *r = stream_shared(d, s);
    if (r->out.done < r->read)
        stream_sink(d, s);
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        struct out *o = &s->outs[i];
        if (o->sink && out_shared(d, o)->done < r->read)
            writer_queue(d, o->sink);
    }
    if (!s->outs[0].sink) {
        r->out.done = r->read;
        stream_progress(d, s);
    }
}

/* Where an output still wants bytes: [from, to) but for its gap. */
static bool out_wants(const struct logd *d, const struct out *o, uint64_t start, uint64_t end)
{
    const struct logshm_out *x = out_shared(d, o);
    uint64_t read = stream_shared(d, o->stream)->read;
    if (!o->sink || end <= x->done || start >= read)
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
           out_wants(n->d, &n->s->outs[1], start, end);
}

/* An idle stream gives its last block back, too: its next byte starts a new one. */
static void let_go(struct logd *d, struct stream *s)
{
    struct logshm_stream *r = stream_shared(d, s);
    uint64_t next = (r->read + LOGSHM_BLOCK - 1) & ~(uint64_t)(LOGSHM_BLOCK - 1);
    if (next == r->read || s->reading || s->keep || stream_backlog(d, s))
        return;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        if (s->outs[i].pinned)
            return;
    if (r->flags & LOGSHM_SECOND)
        logshm_out(d->h, s->slot, 1)->done = next;
    r->out.done = next;
    LOGSHM_ORDER();
    r->read = next;
    LOGSHM_ORDER();
}

uint32_t stream_reclaim(struct logd *d, struct stream *s, uint32_t history, bool all)
{
    struct logshm_stream *r = stream_shared(d, s);
    struct chain *c = &d->chains[s->slot];
    if (!c->first)
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
        const struct logshm_out *x = out_shared(d, &s->outs[i]);
        if (!s->outs[i].sink || x->done >= read)
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
    if (s->paused)
        reader_resume(d, s);
    if (s->closing && stream_released(d, s))
        reader_poke(d);
    tails_wake(d, s);
}

void stream_give_up(struct logd *d, struct stream *s, struct out *o)
{
    struct logshm_stream *r = stream_shared(d, s);
    struct logshm_out *x = out_shared(d, o);
    if (x->done >= r->read)
        return;
    r->lost_bytes += r->read - x->done;
    log_warn("%s %s: %llu bytes could not be written to %s before the stream ended",
             logshm_string(d->h, r->name), r->channel ? "stderr" : "stdout",
             (unsigned long long)(r->read - x->done), sink_name(o->sink));
    x->done = r->read;
    stream_progress(d, s);
}

void stream_flush(struct logd *d, struct stream *s)
{
    uint64_t read = stream_shared(d, s)->read;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++) {
        s->outs[i].flush_to = read;
        if (s->outs[i].sink && out_shared(d, &s->outs[i])->done < read)
            writer_queue_now(d, s->outs[i].sink);
    }
}

/* ---- the end ---- */

bool stream_released(const struct logd *d, const struct stream *s)
{
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        if (s->outs[i].sink && (s->outs[i].sink->busy || s->outs[i].pinned ||
                                out_shared(d, &s->outs[i])->done < stream_shared(d, s)->read))
            return false;
    return s->closing;
}

void stream_remove(struct logd *d, struct stream *s)
{
    tails_forget(d, s);
    if (s->paused)
        d->npaused--;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        detach(&s->outs[i]);
    ring_clear(&d->ring, &d->chains[s->slot]);
    for (unsigned i = 0; i < LOGSHM_WRITERS; i++)
        if (d->h->rotations[i].slot == s->slot + 1)
            d->h->rotations[i].slot = 0; /* never finished: its file was not used again */
    d->streams[s->slot] = NULL;
    fd_close(&s->fd);
    free(s);
}

void stream_format(const struct logd *d, const struct stream *s, struct format *out)
{
    const struct logshm_stream *r = stream_shared(d, s);
    out->prefix = r->prefix;
    out->json = r->json;
    out->strip = r->strip_ansi;
    out->program = logshm_string(d->h, r->program);
    out->process = logshm_string(d->h, r->name);
    out->channel = r->channel ? "stderr" : "stdout";
    out->wall_ns = 0;
}
