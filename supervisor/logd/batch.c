/* One turn of a writer with one sink. */
#include "supervisor/logd/batch.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/cut.h"
#include "supervisor/logd/gzip.h"
#include "supervisor/logd/orders.h"
#include "supervisor/logd/pick.h"
#include "supervisor/logd/pressure.h"
#include "supervisor/logd/pull.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/recover.h"
#include "supervisor/logd/rotate.h"
#include "supervisor/logd/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RETRY DUR_S(1)
#define RETRY_FULL DUR_MS(20) /* a full pipe: its reader is slow, not gone */
#define WARN_EVERY DUR_S(60)
#define ROTATE_RETRY DUR_S(10)
#define BATCHES 16 /* writes of one turn; then others have theirs */

/* ---- failures ---- */

static void say_failure(struct sink *k, const struct err *e)
{
    mono_t now = mono_now();
    if (k->warn_at.ns && !mono_reached(k->warn_at, now))
        return;
    k->warn_at = mono_add(now, WARN_EVERY);
    k->told = true;
    log_warn("%s; %s", e->msg,
             k->is_auto && k->fd < 0 ? "its last output stays in memory only"
             : k->kind == SINK_SYSLOG && k->fd < 0
                 ? "what would go there is dropped"
                 : "output waits in memory, the oldest is dropped when full");
}

static void fail(struct writer *w, struct sink *k, const struct err *e, dur_t retry)
{
    struct out *o, *next;
    say_failure(k, e);
    k->failing = k->broken = true;
    writer_wait(k, mono_add(mono_now(), retry));
    for (o = TAILQ_FIRST(&k->outs); o; o = next) {
        next = TAILQ_NEXT(o, link);
        logshm_use(w->d->h, o->stream->slot)->failures++;
        if (k->is_auto && k->fd < 0) {
            stream_auto_failed(w->d, o->stream);
        } else if (o->stream->closing) {
            stream_give_up(w->d, o->stream, o);
        } else if (k->kind == SINK_SYSLOG && k->fd < 0) { /* in most containers there is none */
            pressure_skip(w->d, o);
            stream_progress(w->d, o->stream);
        }
    }
}

/* Nothing is given up for that: it waits, also what is about to end. */
static void no_memory(struct sink *k)
{
    if (LOG_LIMIT(60))
        log_warn("no memory to write to %s; output waits", sink_name(k));
    k->failing = true;
    writer_wait(k, mono_add(mono_now(), RETRY_FULL));
}

static void recovered(struct sink *k)
{
    if (!k->broken)
        return;
    k->broken = false;
    if (k->told)
        log_info("%s takes output again", sink_name(k));
    k->told = false;
}

/* ---- commands ---- */

static void obey(struct logd *d, struct sink *k)
{
    bool clear = k->want_clear, reopen = k->want_reopen;
    bool clean = true;
    k->want_reopen = k->want_look = false;
    pthread_mutex_unlock(&d->lock);
    if (clear)
        clean = sink_clear(k);
    else if (reopen || !sink_in_place(k))
        sink_close(k);
    pthread_mutex_lock(&d->lock);
    if (clear) {
        k->unclean = !clean;
        k->want_clear = false; /* only now: whoever asked for it waits for that */
    }
}

/* Open and settled, or the failure is noted. */
static bool make_ready(struct writer *w, struct sink *k)
{
    struct err e;
    if (k->want_clear && !k->recovered && recover_sink(w, k, &e) < 0) {
        fail(w, k, &e, RETRY);
        return false;
    }
    if (k->want_clear || k->want_reopen || k->want_look)
        obey(w->d, k);
    if (k->fd >= 0 && k->recovered)
        return true;
    if (recover_sink(w, k, &e) < 0) {
        fail(w, k, &e, RETRY);
        return false;
    }
    return true; /* whether it takes output will be seen */
}

/* ---- writing ---- */

static void note(const struct sink *k, struct logshm_out *x, const struct pick *p, int64_t size)
{
    x->note_size = (uint64_t)size;
    x->note_len = (uint32_t)p->data.len;
    x->note_file = k->kind == SINK_FILE ? logshm_file(k->path) : 0;
    x->note_to = x->done + p->covers;
    LOGSHM_ORDER();
    x->note_from = x->done;
    LOGSHM_ORDER();
}

/* All of it, or for raw bytes as much as goes; -1 with errno. What was begun in a file but cannot
 * be finished is taken back. */
static ssize_t write_out(struct sink *k, struct pick *p, int64_t size)
{
    size_t total = 0;
    while (total < p->data.len) {
        struct span rest = p->data;
        span_skip(&rest, total);
        ssize_t n = sink_write(k, &rest);
        if (n < 0 && total && p->raw)
            break;
        if (n < 0 && total && k->regular && ftruncate(k->fd, (off_t)size) < 0)
            return -1;
        if (n < 0 && (!total || k->regular))
            return -1;
        if (n < 0 && errno != EAGAIN)
            return -1;
        total += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)total;
}

static void commit(struct writer *w, struct sink *k, struct pick *p, ssize_t wrote)
{
    struct logshm_out *x = out_shared(w->d, p->out);
    x->gap_bytes -= p->lost_bytes;
    x->gap_lines -= p->lost_lines;
    LOGSHM_ORDER();
    if (p->cut)
        cut_note(w->d, p->out, x->done + p->covers, p->cut_on);
    x->done += p->raw ? (uint64_t)wrote : p->covers;
    LOGSHM_ORDER();
    k->half = (size_t)wrote < p->data.len && k->mid_line ? p->out : NULL;
    sink_took(k, (uint64_t)wrote);
    k->size += wrote;
}

/* full: RLIMIT_FSIZE lets it grow no further, wherever maxbytes is */
static bool rotation_due(const struct sink *k, bool full)
{
    if (!k->regular || k->maxbytes <= 0 || (k->size < k->maxbytes && !full))
        return false;
    return !k->rotate_at.ns || mono_reached(k->rotate_at, mono_now());
}

/* Without the lock. */
static void rotate(struct writer *w, struct sink *k, uint32_t slot)
{
    struct err e;
    struct logshm_rotation unnoted, *note = rotation_note(w->d, slot);
    int rc = sink_rotate(w->d, k, note ? note : &unnoted, &e);
    LOGSHM_ORDER();
    if (note)
        note->slot = 0;
    if (rc < 0) {
        log_warn("%s; going on with the file as it is", e.msg);
        k->rotate_at = mono_add(mono_now(), ROTATE_RETRY);
        return;
    }
    k->rotate_at = MONO_NEVER;
    k->size = 0;
    k->mid_line = false;
    logshm_progress(w->d->h, slot)->rotations++;
    if (k->gzip && k->backups > 0)
        gzips_add(w->d, k->path, k->backups);
}

/* Without the lock. Bytes written, or -1 with errno. */
static ssize_t write_picked(struct writer *w, struct sink *k, struct pick *p, struct err *e)
{
    k->size = k->regular ? sink_size(k, e) : 0;
    if (k->size < 0)
        return -1;
    note(k, out_shared(w->d, p->out), p, k->size);
    ssize_t n = write_out(k, p, k->size);
    if (n < (ssize_t)p->data.len && errno == EAGAIN) {
        err_set(e, "%s is full: its reader does not keep up", sink_name(k));
        e->errnum = EAGAIN;
    } else if (n < (ssize_t)p->data.len) {
        err_errno(e, errno, "cannot write to %s", sink_name(k));
    }
    if (n > 0)
        k->mid_line = span_byte(&p->data, (size_t)n - 1) != '\n';
    return n;
}

/* True if there may be more to do. */
static bool serve_out(struct writer *w, struct sink *k, struct out *o)
{
    struct err e = {.errnum = 0};
    struct pick p;
    if (o->pinned)
        return false;
    if (!pick(w, k, o, &p)) {
        if (w->out.failed)
            no_memory(k);
        return false;
    }
    struct stream *s = o->stream;
    o->pinned = out_shared(w->d, o)->done + p.covers;
    pthread_mutex_unlock(&w->d->lock);
    ssize_t n = write_picked(w, k, &p, &e);
    pthread_mutex_lock(&w->d->lock);
    if (n >= 0)
        commit(w, k, &p, n);
    bool whole = n == (ssize_t)p.data.len, full = !whole && e.errnum == EFBIG && k->size > 0;
    if (rotation_due(k, full)) {
        pthread_mutex_unlock(&w->d->lock);
        rotate(w, k, s->slot);
        pthread_mutex_lock(&w->d->lock);
        whole |= full && k->size == 0;
    }
    o->pinned = 0;
    if (whole)
        recovered(k);
    else
        fail(w, k, &e, e.errnum == EAGAIN ? RETRY_FULL : RETRY);
    if (o->sink != k)
        stream_has_more(w->d, s);
    stream_progress(w->d, s);
    return whole;
}

/* A line that was begun is ended before another output has its turn; false: that failed. */
static bool finish_half(struct writer *w, struct sink *k)
{
    if (!k->half)
        return true;
    if (!serve_out(w, k, k->half) && !k->failing)
        k->half = NULL; /* what there is of its rest has to wait for its end */
    return !k->half;
}

/* One batch of each output; true while any had something. */
static bool serve_all(struct writer *w, struct sink *k)
{
    if (!finish_half(w, k))
        return !k->failing;
    bool more = false;
    struct out *o = TAILQ_FIRST(&k->outs), *next;
    for (; o && !k->failing; o = next) {
        more |= serve_out(w, k, o);
        if (k->nouts == 0 || o->sink != k)
            return k->nouts > 0; /* outputs went away while we wrote: come again */
        next = TAILQ_NEXT(o, link);
    }
    return more && !k->failing;
}

/* A stream that is to go may have waited for the end of our work only. */
static void let_close(struct logd *d, const struct sink *k)
{
    const struct out *o;
    TAILQ_FOREACH (o, &k->outs, link)
        if (o->stream->closing)
            reader_poke(d);
}

void batch_serve(struct writer *w, struct sink *k)
{
    bool more = true;
    k->busy = true;
    k->failing = false;
    bool ready = make_ready(w, k);
    k->want_open = false;
    for (int i = 0; ready && more && i < BATCHES && !k->failing; i++)
        more = serve_all(w, k) || (!k->failing && pull(w, k));
    k->busy = false;
    if (k->nouts == 0)
        writer_orphan(k);
    else if (ready && more && !k->failing)
        writer_queue_now(w->d, k);
    else
        let_close(w->d, k);
    orders_settled(w->d);
}
