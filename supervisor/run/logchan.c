/* The channel to supd-log: what it is told, what it answers. It never blocks, and needs no queue of
 * its own: what a stream has to tell is a flag of the stream, and the shared memory is the truth.
 */
#include "supervisor/run/logs_impl.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RESEND DUR_MS(20)

/* ---- sending ---- */

struct letter {
    struct logshm_msg msg;
    uint32_t slots[LOGOP_SLOTS];
    int fds[LOGOP_SLOTS];
    int nfds;
};

static void add_fds(struct msghdr *m, void *control, const int *fds, int nfds)
{
    size_t bytes = (size_t)nfds * sizeof(int);
    m->msg_control = control;
    m->msg_controllen = CMSG_SPACE(bytes);
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(c), fds, bytes);
}

/* True if it went out. Else it is tried again once the channel is writable, or, when the kernel
 * refuses it (it may lack room for descriptors in flight), a moment later. */
static bool send_parts(struct logs *g, struct iovec *iov, size_t n, const int *fds, int nfds)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(LOGOP_SLOTS * sizeof(int))];
    } control;
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
    if (g->chan < 0)
        return false;
    memset(&control, 0, CMSG_SPACE((size_t)nfds * sizeof(int)));
    if (nfds)
        add_fds(&m, &control, fds, nfds);
    ssize_t sent;
    do
        sent = sendmsg(g->chan, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return true;
    if (errno == EAGAIN)
        loop_io_set(&g->chan_io, g->chan, LOOP_READ | LOOP_WRITE);
    else if (errno != EPIPE && errno != ECONNRESET) /* nobody is there: its death is reaped next */
        loop_timer_at(&g->resend, mono_add(loop_now(g->loop), RESEND));
    return false;
}

static bool send_letter(struct logs *g, struct letter *l)
{
    struct iovec iov[2] = {{&l->msg, sizeof(l->msg)}, {l->slots, l->msg.n * sizeof(l->slots[0])}};
    return send_parts(g, iov, 2, l->fds, l->nfds);
}

/* ---- streams ---- */

void logchan_tell(struct log_stream *s, int what)
{
    struct logs *g = logs_of(s);
    if (what == TELL_DEL && (s->tell & TELL_ADD) && g->chan < 0)
        s->tell = 0; /* it never heard of it; the table says the rest at the next start */
    s->tell |= (uint8_t)what;
    if (!s->queued) {
        STAILQ_INSERT_TAIL(&g->tell, s, tell_link);
        s->queued = true;
    }
    loop_defer(g->loop, &g->pump);
}

void logchan_untell(struct log_stream *s)
{
    if (s->queued)
        STAILQ_REMOVE(&logs_of(s)->tell, s, log_stream, tell_link);
    s->queued = false;
    s->tell = 0;
}

/* Collects the streams at the head of the queue that are to be added, or whose process began to run
 * and nothing more, at most one message full. */
static void collect(struct logs *g, struct letter *l, enum logshm_op op)
{
    struct log_stream *s;
    l->msg = (struct logshm_msg){.op = op};
    l->nfds = 0;
    STAILQ_FOREACH (s, &g->tell, tell_link) {
        bool fits = op == LOGOP_ADD ? s->tell & TELL_ADD : s->tell == TELL_RUN;
        if (!fits || l->msg.n == LOGOP_SLOTS)
            break;
        l->slots[l->msg.n++] = s->slot;
        if (op == LOGOP_ADD)
            l->fds[l->nfds++] = logs_shared(s)->fd;
    }
}

/* Who is added is taken in as it is now. */
static bool send_many(struct logs *g, struct letter *l, enum logshm_op op)
{
    collect(g, l, op);
    if (!send_letter(g, l))
        return false;
    for (uint32_t i = 0; i < l->msg.n; i++) {
        struct log_stream *s = logs_stream(g, l->slots[i]);
        s->tell &= (uint8_t) ~(TELL_ADD | TELL_UPDATE | TELL_RUN);
        if (!s->tell)
            logchan_untell(s);
    }
    return true;
}

static bool send_change(struct logs *g, struct log_stream *s, struct letter *l)
{
    l->msg = (struct logshm_msg){.op = s->tell & TELL_DEL ? LOGOP_DEL : LOGOP_UPDATE, .n = 1};
    l->slots[0] = s->slot;
    l->nfds = 0;
    if (!send_letter(g, l))
        return false;
    logchan_untell(s);
    return true;
}

static bool send_streams(struct logs *g, struct letter *l)
{
    struct log_stream *s;
    while ((s = STAILQ_FIRST(&g->tell)))
        if (!(s->tell & TELL_ADD    ? send_many(g, l, LOGOP_ADD)
              : s->tell == TELL_RUN ? send_many(g, l, LOGOP_RUN)
                                    : send_change(g, s, l)))
            return false;
    return true;
}

/* ---- questions ---- */

static bool send_requests(struct logs *g, struct letter *l)
{
    struct log_request *rq;
    TAILQ_FOREACH (rq, &g->requests, link) {
        if (rq->sent || rq->ready)
            continue;
        l->msg = (struct logshm_msg){.op = rq->op, .id = rq->id, .n = rq->n};
        memcpy(l->slots, rq->slots, sizeof(rq->slots));
        l->nfds = 0;
        if (!send_letter(g, l))
            return false;
        rq->sent = true;
    }
    return true;
}

static bool send_reopen(struct logs *g, struct letter *l)
{
    if (!g->tell_reopen)
        return true;
    l->msg = (struct logshm_msg){.op = LOGOP_REOPEN};
    l->nfds = 0;
    g->tell_reopen = !send_letter(g, l);
    return !g->tell_reopen;
}

/* Before the streams: they are tapped for the socket that supd-log has then. */
static bool send_taps(struct logs *g, struct letter *l)
{
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
        if (!(g->tell_taps & (1u << which)))
            continue;
        l->msg = (struct logshm_msg){.op = LOGOP_TAP, .slot = which};
        l->nfds = g->mem.h->tap_fds[which] > 0;
        l->fds[0] = g->mem.h->tap_fds[which];
        if (!send_letter(g, l))
            return false;
        g->tell_taps = (uint8_t)(g->tell_taps & ~(1u << which));
    }
    return true;
}

static bool send_files(struct logs *g, struct letter *l)
{
    if (!g->tell_files)
        return true;
    l->msg = (struct logshm_msg){.op = LOGOP_FILES};
    l->nfds = 2;
    l->fds[0] = g->files_sock;
    l->fds[1] = g->files_list;
    g->tell_files = !send_letter(g, l);
    return !g->tell_files;
}

void logchan_pump(struct logs *g)
{
    struct letter l;
    if (g->chan < 0)
        return;
    loop_io_set(&g->chan_io, g->chan, LOOP_READ);
    if (send_taps(g, &l) && send_streams(g, &l) && send_reopen(g, &l) && send_files(g, &l))
        send_requests(g, &l);
}

static struct log_request *request_new(struct logs *g)
{
    struct log_request *rq = TAILQ_FIRST(&g->spare);
    if (rq)
        TAILQ_REMOVE(&g->spare, rq, link);
    else
        rq = malloc(sizeof(*rq));
    return rq;
}

static bool is_reserve(const struct logs *g, const struct log_request *rq)
{
    return rq >= g->reserve && rq < g->reserve + LOGS_SPARE_REQUESTS;
}

static void request_free(struct logs *g, struct log_request *rq)
{
    TAILQ_REMOVE(&g->requests, rq, link);
    if (is_reserve(g, rq))
        TAILQ_INSERT_HEAD(&g->spare, rq, link);
    else
        free(rq);
}

static void arm_timeout(struct logs *g)
{
    mono_t next = MONO_NEVER;
    struct log_request *rq;
    TAILQ_FOREACH (rq, &g->requests, link)
        next = mono_min(next, rq->deadline);
    loop_timer_at(&g->timeout, next);
}

void logchan_ask(struct logs *g, const struct log_request *wanted, dur_t limit)
{
    struct log_request *rq = request_new(g);
    if (!rq) { /* no memory: as if it had taken too long */
        wanted->fn(wanted->obj);
        return;
    }
    *rq = *wanted;
    rq->id = ++g->next_id;
    rq->deadline = mono_add(loop_now(g->loop), limit);
    TAILQ_INSERT_TAIL(&g->requests, rq, link);
    loop_defer(g->loop, rq->ready ? &g->settle : &g->pump);
    if (!loop_timer_active(&g->timeout))
        loop_timer_at(&g->timeout, rq->deadline);
}

/* Calls back what is answered or overdue. A callback may ask anew or forget others, so the search
 * starts over after each. */
static void settle(struct logs *g)
{
    struct log_request *rq = TAILQ_FIRST(&g->requests);
    while (rq) {
        if (!rq->ready) {
            rq = TAILQ_NEXT(rq, link);
            continue;
        }
        loop_fn *fn = rq->fn;
        void *obj = rq->obj;
        if (rq->out)
            *rq->out = rq->ok;
        request_free(g, rq);
        if (fn)
            fn(obj);
        rq = TAILQ_FIRST(&g->requests);
    }
    arm_timeout(g);
}

static void on_timeout(struct logs *g)
{
    struct log_request *rq;
    TAILQ_FOREACH (rq, &g->requests, link)
        rq->ready |= mono_reached(rq->deadline, loop_now(g->loop));
    settle(g);
}

void logchan_forget(struct logs *g, const void *obj)
{
    struct log_request *rq = TAILQ_FIRST(&g->requests);
    while (rq) {
        struct log_request *next = TAILQ_NEXT(rq, link);
        if (!obj || rq->obj == obj)
            request_free(g, rq);
        rq = next;
    }
}

/* ---- answers ---- */

static void take_answer(struct logs *g, const struct logshm_answer *a)
{
    if (a->op == LOGOP_DEL) {
        logs_released(g, a->slot);
        return;
    }
    struct log_request *rq;
    TAILQ_FOREACH (rq, &g->requests, link) {
        if (rq->id != a->id || rq->op != a->op)
            continue;
        rq->ready = true;
        rq->ok = a->ok;
        loop_defer(g->loop, &g->settle);
        return;
    }
}

static void on_channel(struct logs *g)
{
    struct logshm_answer a;
    for (int i = 0; i < 256; i++) {
        ssize_t n = recv(g->chan, &a, sizeof(a), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            logchan_close(g); /* it is gone; its death is reaped next */
            return;
        }
        if (n < 0)
            break;
        if (n == (ssize_t)sizeof(a))
            take_answer(g, &a);
    }
    if (loop_io_events(&g->chan_io) & LOOP_WRITE)
        logchan_pump(g);
}

/* ---- life ---- */

void logchan_init(struct logs *g)
{
    STAILQ_INIT(&g->tell);
    TAILQ_INIT(&g->requests);
    TAILQ_INIT(&g->spare);
    for (int i = 0; i < LOGS_SPARE_REQUESTS; i++)
        TAILQ_INSERT_TAIL(&g->spare, &g->reserve[i], link);
    LOOP_IO(&g->chan_io, g->loop, on_channel, g);
    LOOP_TIMER(&g->timeout, g->loop, on_timeout, g);
    LOOP_TIMER(&g->resend, g->loop, logchan_pump, g);
    LOOP_DEFER(&g->pump, logchan_pump, g);
    LOOP_DEFER(&g->settle, settle, g);
}

void logchan_open(struct logs *g, int fd)
{
    struct log_stream *s;
    struct log_request *rq;
    while ((s = STAILQ_FIRST(&g->tell)))
        logchan_untell(s);
    g->tell_taps = 0;
    g->tell_reopen = false; /* a new one opens everything anew */
    g->tell_files = g->files_sock >= 0;
    TAILQ_FOREACH (rq, &g->requests, link)
        rq->sent = false;
    g->chan = g->mem.h->chan = fd;
    loop_io_set(&g->chan_io, fd, LOOP_READ);
    loop_defer(g->loop, &g->pump);
}

/* All of it is said again: to be told twice does supd-log no harm. */
void logchan_go_on(struct logs *g)
{
    struct log_stream *s;
    g->next_id = (uint32_t)mono_now().ns; /* what it answers to others is nobody's */
    for (uint32_t i = 0; i < g->mem.h->used; i++) {
        if (!(s = logs_stream(g, i)))
            continue;
        if (logs_shared(s)->epoch != g->mem.h->epoch)
            logchan_tell(s, TELL_ADD);
        logchan_tell(s, logs_shared(s)->state == LOGSHM_CLOSING ? TELL_DEL : TELL_UPDATE);
    }
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++)
        g->tell_taps = (uint8_t)(g->tell_taps | 1u << which);
    g->chan = g->mem.h->chan;
    loop_io_set(&g->chan_io, g->chan, LOOP_READ);
    loop_defer(g->loop, &g->pump);
}

void logchan_close(struct logs *g)
{
    if (g->chan >= 0)
        loop_io_close(&g->chan_io, &g->chan);
    if (g->mem.h)
        g->mem.h->chan = -1;
}

/* ---- tails ---- */

int logs_tail(struct logs *g, const struct logs_tail *t, int *fd, struct err *e)
{
    const struct log_stream *s = t->stream ? t->stream : g->main;
    if (g->chan < 0)
        return err_set(e, "supd-log is being restarted; try again");
    size_t nid = strlen(t->id);
    if (nid + t->npending > LOGOP_TEXT)
        return err_set(e, "too many replies wait on this connection");
    struct logshm_msg msg = {.op = LOGOP_TAIL,
                             .n = (uint32_t)nid + t->npending,
                             .follow = t->follow ? 1u + t->marks : 0,
                             .arg = t->bytes > 0 ? t->bytes : 1600,
                             .slot = s->slot,
                             .nid = (uint32_t)nid};
    struct iovec iov[3] = {{&msg, sizeof(msg)},
                           {(void *)(uintptr_t)t->id, nid},
                           {(void *)(uintptr_t)t->pending, t->npending}};
    if ((s->tell & TELL_ADD) || !send_parts(g, iov, 3, fd, 1))
        return err_set(e, "supd-log is busy; try again");
    fd_close(fd);
    return 0;
}

int logs_read_file(struct logs *g, struct log_stream *s, bool make, int *sock, struct err *e)
{
    s = s ? s : g->main;
    struct logshm_msg msg = {.op = LOGOP_READ, .slot = s->slot, .follow = make};
    struct iovec iov = {&msg, sizeof(msg)};
    if (g->chan < 0)
        return err_set(e, "supd-log is being restarted; try again");
    if ((s->tell & TELL_ADD) || !send_parts(g, &iov, 1, sock, 1))
        return err_set(e, "supd-log is busy; try again");
    fd_close(sock);
    return 0;
}
