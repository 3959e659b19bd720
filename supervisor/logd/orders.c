/* What supd says over the channel, and what is answered. */
#include "supervisor/logd/orders.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/autofile.h"
#include "supervisor/logd/opener.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/reading.h"
#include "supervisor/logd/sink.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/tail.h"
#include "supervisor/logd/tap.h"
#include "supervisor/logd/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAST_WORDS DUR_S(5) /* after supd's end: so long we wait for a sink that does not move */

struct order {
    struct logshm_msg msg;
    char body[LOGOP_TEXT];
    int fds[LOGOP_SLOTS];
    int nfds;
};

/* ---- answers ---- */

/* An answer that does not fit is made up for by supd's time limit; only a stream's release must
 * arrive, and is tried again. */
static bool answer(struct logd *d, const struct question *q, bool ok)
{
    struct logshm_answer a = {.op = q->op, .id = q->id, .slot = q->slots[0], .ok = ok};
    return send(d->chan, &a, sizeof(a), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(a);
}

static bool written_upto(const struct logd *d, uint32_t slot, uint64_t upto)
{
    const struct stream *s = stream_at(d, slot);
    for (unsigned i = 0; s && i < LOGSHM_OUTS; i++)
        if (s->outs[i].sink && out_shared(d, &s->outs[i])->done < upto)
            return false;
    return true;
}

static bool cleared(const struct logd *d, uint32_t slot)
{
    const struct stream *s = stream_at(d, slot);
    const struct sink *k = s ? s->outs[0].sink : NULL;
    return !k || !k->want_clear || k->failing;
}

static bool is_clean(const struct logd *d, uint32_t slot)
{
    const struct stream *s = stream_at(d, slot);
    const struct sink *k = s ? s->outs[0].sink : NULL;
    return !k || !(k->want_clear || k->unclean);
}

static bool all_written(const struct logd *d)
{
    for (uint32_t i = 0; i < d->h->used; i++)
        if (stream_at(d, i) && !written_upto(d, i, stream_shared(d, stream_at(d, i))->read))
            return false;
    return true;
}

static bool is_settled(const struct logd *d, const struct question *q)
{
    if (q->op == LOGOP_FINISH)
        return all_written(d) && writers_idle(d) && reader_is_dry(d);
    for (uint32_t i = 0; i < q->n; i++)
        if (q->op == LOGOP_CLEAR ? !cleared(d, q->slots[i])
                                 : !written_upto(d, q->slots[i], q->upto[i]))
            return false;
    return true;
}

static void question_free(struct logd *d, struct question *q)
{
    TAILQ_REMOVE(&d->questions, q, link);
    for (uint32_t i = 0; i < q->n; i++)
        if (stream_at(d, q->slots[i]))
            stream_at(d, q->slots[i])->waiters--;
    free(q);
}

void orders_answer(struct logd *d)
{
    struct question *q, *next;
    for (q = TAILQ_FIRST(&d->questions); q; q = next) {
        next = TAILQ_NEXT(q, link);
        if (!is_settled(d, q))
            continue;
        answer(d, q, q->op != LOGOP_CLEAR || is_clean(d, q->slots[0]));
        question_free(d, q);
    }
}

void orders_settled(struct logd *d)
{
    if (!TAILQ_EMPTY(&d->questions))
        orders_answer(d);
    if (d->supd_gone)
        reader_poke(d);
}

static void ask(struct logd *d, const struct order *o, const uint32_t *slots)
{
    struct question *q = calloc(1, sizeof(*q));
    if (!q)
        return; /* supd goes on after its time limit */
    q->op = o->msg.op;
    q->id = o->msg.id;
    for (uint32_t i = 0; i < o->msg.n && q->n < 2; i++) {
        struct stream *s = slots[i] < d->h->used ? stream_at(d, slots[i]) : NULL;
        if (!s)
            continue;
        q->slots[q->n] = s->slot;
        q->upto[q->n++] = stream_shared(d, s)->read;
        s->waiters++;
    }
    TAILQ_INSERT_TAIL(&d->questions, q, link);
}

/* ---- the orders ---- */

typedef void order_fn(struct logd *d, struct order *o, const uint32_t *slots);

static struct stream *stream_of(struct logd *d, uint32_t slot)
{
    return slot < d->h->used ? stream_at(d, slot) : NULL;
}

static void do_add(struct logd *d, struct order *o, const uint32_t *slots)
{
    if ((uint32_t)o->nfds < o->msg.n) {
        logd_start_over(d, "cannot take in pipes: too few descriptors left");
        return;
    }
    d->trimmed = false;
    for (uint32_t i = 0; i < o->msg.n; i++) {
        if (slots[i] >= d->h->used || stream_at(d, slots[i]))
            continue;
        pthread_mutex_lock(&d->lock);
        stream_add(d, slots[i], o->fds[i]);
        pthread_mutex_unlock(&d->lock);
        o->fds[i] = -1;
        if (reader_watch(d, stream_at(d, slots[i])) < 0)
            logd_start_over(d, "cannot watch a pipe: the kernel has no room for it");
    }
}

void orders_close(struct logd *d, struct stream *s)
{
    size_t left = reader_empty(d, s);
    pthread_mutex_lock(&d->lock);
    s->closing = true;
    s->rest = (uint32_t)left; /* log_overflow=block: its sink has to make room first */
    if (!left)
        reader_close(d, s);
    pthread_mutex_unlock(&d->lock);
}

static void do_del(struct logd *d, struct order *o, const uint32_t *slots)
{
    struct stream *s = stream_of(d, o->msg.n ? slots[0] : UINT32_MAX);
    if (s && !s->closing)
        orders_close(d, s);
    else if (!s && o->msg.n) /* supd may have missed the first answer */
        answer(d, &(struct question){.op = LOGOP_DEL, .slots = {slots[0]}}, true);
}

static void do_update(struct logd *d, struct order *o, const uint32_t *slots)
{
    struct stream *s = stream_of(d, o->msg.n ? slots[0] : UINT32_MAX);
    pthread_mutex_lock(&d->lock);
    if (s)
        stream_configure(d, s);
    pthread_mutex_unlock(&d->lock);
}

static void do_reopen(struct logd *d, struct order *o, const uint32_t *slots)
{
    struct sink *k;
    (void)o;
    (void)slots;
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < LOGD_SINK_BUCKETS; i++)
        LIST_FOREACH (k, &d->sinks[i], link) {
            k->want_reopen = true;
            if (k->fd >= 0)
                writer_queue_now(d, k);
        }
    for (uint32_t i = 0; i < d->h->used; i++)
        if (stream_at(d, i) && stream_at(d, i)->lazy &&
            (logshm_stream(d->h, i)->kind == LOGSHM_AUTO || logshm_stream(d->h, i)->runs))
            autofile_want(d, stream_at(d, i));
    pthread_mutex_unlock(&d->lock);
}

static void do_clear(struct logd *d, struct order *o, const uint32_t *slots)
{
    struct stream *s = stream_of(d, o->msg.n ? slots[0] : UINT32_MAX);
    if (s)
        reader_empty(d, s);
    pthread_mutex_lock(&d->lock);
    if (s)
        stream_sink(d, s);
    if (s && s->outs[0].sink) {
        s->outs[0].sink->want_clear = true;
        writer_queue_now(d, s->outs[0].sink);
    }
    if (s)
        stream_forget(d, s);
    ask(d, o, slots);
    orders_answer(d);
    pthread_mutex_unlock(&d->lock);
}

static void do_drain(struct logd *d, struct order *o, const uint32_t *slots)
{
    for (uint32_t i = 0; i < o->msg.n; i++) {
        struct stream *s = stream_of(d, slots[i]);
        if (!s)
            continue;
        reader_empty(d, s);
        pthread_mutex_lock(&d->lock);
        stream_flush(d, s);
        tap_flush(d, s);
        pthread_mutex_unlock(&d->lock);
    }
    pthread_mutex_lock(&d->lock);
    ask(d, o, slots);
    orders_answer(d);
    pthread_mutex_unlock(&d->lock);
}

static void flush_all(struct logd *d)
{
    for (uint32_t i = 0; i < d->h->used; i++)
        if (stream_at(d, i))
            reader_empty(d, stream_at(d, i));
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < d->h->used; i++)
        if (stream_at(d, i))
            stream_flush(d, stream_at(d, i));
    pthread_mutex_unlock(&d->lock);
}

static void do_finish(struct logd *d, struct order *o, const uint32_t *slots)
{
    flush_all(d);
    pthread_mutex_lock(&d->lock);
    o->msg.n = 0;
    ask(d, o, slots);
    orders_answer(d);
    pthread_mutex_unlock(&d->lock);
}

static void do_tail(struct logd *d, struct order *o, const uint32_t *slots)
{
    (void)slots;
    struct stream *s = stream_of(d, o->msg.slot);
    if (!o->nfds || o->msg.nid > o->msg.n)
        return;
    if (s)
        reader_empty(d, s);
    if (tails_add(d, s, o->fds[0], &o->msg, o->body) == 0)
        o->fds[0] = -1;
}

static void do_tap(struct logd *d, struct order *o, const uint32_t *slots)
{
    (void)slots;
    if (o->msg.slot >= LOGSHM_TAPS)
        return;
    tap_socket(d, o->msg.slot, o->nfds ? o->fds[0] : -1);
    if (o->nfds)
        o->fds[0] = -1;
}

static void do_files(struct logd *d, struct order *o, const uint32_t *slots)
{
    (void)d, (void)slots;
    if (o->nfds != 2)
        return;
    if (opener_start(o->fds[0], o->fds[1]) < 0)
        log_error("cannot open files for supd-agent: %s", strerror(errno));
    o->fds[0] = o->fds[1] = -1;
}

static void do_read(struct logd *d, struct order *o, const uint32_t *slots)
{
    (void)slots;
    struct stream *s = stream_of(d, o->msg.slot);
    if (!o->nfds)
        return;
    if (s)
        reader_empty(d, s);
    reading_start(d, o->msg.slot, o->msg.follow, o->fds[0]);
    o->fds[0] = -1;
}

static void do_run(struct logd *d, struct order *o, const uint32_t *slots)
{
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < o->msg.n; i++)
        if (stream_of(d, slots[i]))
            stream_run(d, stream_of(d, slots[i]));
    pthread_mutex_unlock(&d->lock);
}

static order_fn *const orders[] = {
    [LOGOP_ADD] = do_add,       [LOGOP_DEL] = do_del,       [LOGOP_UPDATE] = do_update,
    [LOGOP_REOPEN] = do_reopen, [LOGOP_CLEAR] = do_clear,   [LOGOP_DRAIN] = do_drain,
    [LOGOP_TAIL] = do_tail,     [LOGOP_FINISH] = do_finish, [LOGOP_TAP] = do_tap,
    [LOGOP_FILES] = do_files,   [LOGOP_READ] = do_read,     [LOGOP_RUN] = do_run,
};

/* ---- the channel ---- */

static void take_fds(struct msghdr *m, struct order *o)
{
    o->nfds = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        n = n > LOGOP_SLOTS ? LOGOP_SLOTS : n;
        memcpy(o->fds, CMSG_DATA(c), n * sizeof(int));
        o->nfds = (int)n;
    }
}

/* 1: an order, 0: none waits, -1: supd is gone. */
static int receive(struct logd *d, struct order *o)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(LOGOP_SLOTS * sizeof(int))];
    } control;
    struct iovec iov[2] = {{&o->msg, sizeof(o->msg)}, {o->body, sizeof(o->body)}};
    struct msghdr m = {.msg_iov = iov,
                       .msg_iovlen = 2,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(d->chan, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n < (ssize_t)sizeof(o->msg))
        return -1;
    take_fds(&m, o);
    size_t body = (size_t)n - sizeof(o->msg);
    size_t unit = o->msg.op == LOGOP_TAIL ? 1 : sizeof(uint32_t);
    if (o->msg.n > body / unit)
        o->msg.n = (uint32_t)(body / unit);
    return 1;
}

static void obey(struct logd *d, struct order *o)
{
    uint32_t slots[LOGOP_SLOTS];
    uint32_t n = o->msg.op == LOGOP_TAIL ? 0 : o->msg.n;
    n = n > LOGOP_SLOTS ? LOGOP_SLOTS : n;
    memcpy(slots, o->body, n * sizeof(slots[0]));
    if (o->msg.op < sizeof(orders) / sizeof(orders[0]))
        orders[o->msg.op](d, o, slots);
    for (int i = 0; i < o->nfds; i++)
        fd_close(&o->fds[i]);
}

static void supd_is_gone(struct logd *d)
{
    pthread_mutex_lock(&d->lock);
    d->supd_gone = true;
    d->gone_at = mono_now();
    pthread_mutex_unlock(&d->lock);
    epoll_ctl(d->epoll, EPOLL_CTL_DEL, d->chan, NULL);
    flush_all(d);
}

void orders_take(struct logd *d)
{
    struct order o;
    int rc;
    for (int i = 0; i < 64; i++) {
        rc = receive(d, &o);
        if (rc <= 0)
            break;
        obey(d, &o);
    }
    if (rc < 0)
        supd_is_gone(d);
}

/* ---- the end ---- */

void orders_release(struct logd *d)
{
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < d->h->used; i++) {
        struct stream *s = stream_at(d, i);
        if (!s || !s->closing || !stream_released(d, s))
            continue;
        struct question q = {.op = LOGOP_DEL, .slots = {i}};
        d->answer_waits = !answer(d, &q, true);
        if (d->answer_waits && !d->supd_gone)
            break;
        stream_remove(d, s);
    }
    pthread_mutex_unlock(&d->lock);
}

bool orders_done(struct logd *d)
{
    if (!d->supd_gone)
        return d->start_over;
    pthread_mutex_lock(&d->lock);
    bool done = all_written(d) && writers_idle(d) && reader_is_dry(d);
    pthread_mutex_unlock(&d->lock);
    return done || mono_reached(mono_add(d->gone_at, LAST_WORDS), mono_now());
}
