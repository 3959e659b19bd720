/* The reading thread. */
#include "supervisor/logd/reader.h"
#include "supervisor/base/mem.h"
#include "supervisor/logd/autofile.h"
#include "supervisor/logd/intake.h"
#include "supervisor/logd/orders.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/tap.h"
#include "supervisor/logd/writer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BIG_PIPE (512 << 10)    /* of a pipe that was found full */
#define KICK_BYTES (256u << 10) /* so much together before a writer is woken, if there is more */
#define KICK_WAIT_MS 2
#define EVENTS 256
#define SLEEP_MOST 6000000 /* ns; after a drain, so that small writes come together */
#define SLEEP_LEAST 250000
#define BUSY 20 /* so full a pipe was, in percent, that the reader soon looks again */
#define HALF_FULL                                                                                  \
    45 /* it is to be found so full: each look costs, and the program must not wait                \
        */
#define TRIM_AFTER_MS 500 /* quiet for so long: free memory goes back */
#define TRIM_SPARE 2u
#define FEW_BYTES 65536u

enum { TAG_CHANNEL = LOGSHM_STREAMS_MAX, TAG_POKE, TAG_TAP };

/* ---- what is watched ---- */

static int watch(struct logd *d, int fd, uint32_t tag, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u32 = tag};
    return epoll_ctl(d->epoll, op, fd, &e);
}

int reader_watch(struct logd *d, struct stream *s)
{
    return watch(d, s->fd, s->slot, EPOLL_CTL_ADD, EPOLLIN);
}

void reader_unwatch(struct logd *d, struct stream *s)
{
    if (s->fd >= 0)
        epoll_ctl(d->epoll, EPOLL_CTL_DEL, s->fd, NULL);
}

void reader_watch_tap(struct logd *d, uint32_t which, int fd, bool on)
{
    watch(d, fd, TAG_TAP + which, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, EPOLLOUT);
}

static void pause_pipe(struct logd *d, struct stream *s)
{
    s->paused = true;
    d->npaused++;
    watch(d, s->fd, s->slot, EPOLL_CTL_MOD, 0);
}

/* True while the stream's writer looks after the pipe. */
static bool is_pulled(const struct logd *d, const struct stream *s)
{
    mono_t until = s->outs[0].pulled_until;
    return until.ns && !d->supd_gone && !mono_reached(until, mono_now());
}

/* Until its writer gives it back, or gets nowhere. */
static void leave_pipe(struct logd *d, struct stream *s)
{
    if (s->left)
        return;
    s->left = true;
    d->npaused++;
    watch(d, s->fd, s->slot, EPOLL_CTL_MOD, 0);
}

/* True if the stream's pipe is not to be read on for now: much waits already, and either the
 * program is to wait (log_overflow=block) or its sink is at work, so that waiting is short. part:
 * 1, or 2 to ask whether that is over. */
static bool must_wait(const struct logd *d, const struct stream *s, uint32_t part)
{
    uint64_t backlog = stream_backlog(d, s);
    bool block = stream_shared(d, s)->block;
    uint32_t scarce = block ? d->h->nblocks / 2 : d->h->nblocks / 8;
    bool much = backlog > (uint64_t)d->h->nblocks * LOGSHM_BLOCK / 8 / part ||
                (backlog > FEW_BYTES / part && d->ring.nfree < scarce);
    if (!much || block)
        return much;
    for (unsigned i = 0; i < LOGSHM_OUTS; i++)
        if (s->outs[i].sink && out_shared(d, &s->outs[i])->done < stream_shared(d, s)->read &&
            !sink_is_healthy(s->outs[i].sink))
            return false;
    return true;
}

static void resume(struct logd *d, struct stream *s)
{
    s->paused = s->left = false;
    d->npaused--;
    watch(d, s->fd, s->slot, EPOLL_CTL_MOD, EPOLLIN);
}

void reader_resume(struct logd *d, struct stream *s)
{
    if (s->left ? !is_pulled(d, s) : !must_wait(d, s, 2))
        resume(d, s);
}

/* A sink that stopped keeps nobody waiting. */
static void check_paused(struct logd *d)
{
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; d->npaused && i < d->h->used; i++) {
        struct stream *s = stream_at(d, i);
        if (s && ((s->left && !is_pulled(d, s)) || (s->paused && !must_wait(d, s, 1))))
            resume(d, s);
    }
    d->some_paused = d->npaused > 0;
    pthread_mutex_unlock(&d->lock);
}

void reader_poke(struct logd *d)
{
    uint64_t one = 1;
    if (write(d->poke, &one, sizeof(one)) < 0)
        return; /* full: it is awake anyway */
}

int reader_init(struct logd *d)
{
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (d->epoll < 0 || watch(d, d->chan, TAG_CHANNEL, EPOLL_CTL_ADD, EPOLLIN) < 0 ||
        watch(d, d->poke, TAG_POKE, EPOLL_CTL_ADD, EPOLLIN) < 0)
        return -1;
    for (uint32_t i = 0; i < d->h->used; i++)
        if (stream_at(d, i) && reader_watch(d, stream_at(d, i)) < 0)
            return -1;
    tap_watch(d);
    return 0;
}

/* ---- reading ---- */

/* Fewer and larger reads for a busy program. Where it is not allowed nothing is lost. */
static void enlarge(struct logd *d, struct stream *s)
{
    pthread_mutex_unlock(&d->lock);
    int size = fcntl(s->fd, F_SETPIPE_SZ, BIG_PIPE);
    pthread_mutex_lock(&d->lock);
    s->capacity = size > 0 ? size : INT_MAX / 2;
}

/* True if the pipe is to be read now; then it is claimed. With the lock. */
static bool may_read(struct logd *d, struct stream *s)
{
    if (is_pulled(d, s)) {
        leave_pipe(d, s);
        return false;
    }
    if (!must_wait(d, s, 1))
        return intake_begin(d, s, false);
    if (!s->paused)
        pause_pipe(d, s);
    return false;
}

/* A closing stream got n more bytes of its rest. */
static void close_on(struct logd *d, struct stream *s, size_t n)
{
    s->rest -= n < s->rest ? (uint32_t)n : s->rest;
    if (!s->rest)
        reader_close(d, s);
}

/* How full a pipe was found, in percent; one read at most. */
static int serve_pipe(struct logd *d, struct stream *s)
{
    int percent = 0;
    size_t got = 0;
    pthread_mutex_lock(&d->lock);
    if (may_read(d, s)) {
        got = intake_some(d, s, &percent);
        if (s->closing)
            close_on(d, s, got);
        s->fast = percent > 50;
        if (s->fast && s->capacity < BIG_PIPE)
            enlarge(d, s);
        intake_end(d, s);
    }
    pthread_mutex_unlock(&d->lock);
    d->unkicked += got;
    return got ? percent : 0;
}

size_t reader_empty(struct logd *d, struct stream *s)
{
    size_t left, got = 0;
    pthread_mutex_lock(&d->lock);
    intake_begin(d, s, true);
    left = intake_waiting(d, s);
    while (left && (got = intake_take(d, s, left)))
        left -= got;
    intake_end(d, s);
    pthread_mutex_unlock(&d->lock);
    return left;
}

void reader_close(struct logd *d, struct stream *s)
{
    reader_unwatch(d, s);
    stream_flush(d, s);
    tap_flush(d, s);
    reader_poke(d);
}

bool reader_is_dry(const struct logd *d)
{
    for (uint32_t i = 0; i < d->h->used; i++)
        if (stream_at(d, i) && intake_fill(stream_at(d, i)))
            return false;
    return true;
}

/* ---- the loop ---- */

static void clear_poke(struct logd *d)
{
    uint64_t n;
    if (read(d->poke, &n, sizeof(n)) < 0)
        return;
}

/* One round over what is ready. Returns how full the fullest pipe was, -1 if no pipe was ready. */
static int round_of(struct logd *d, int timeout_ms)
{
    struct epoll_event ev[EVENTS];
    int fullest = -1;
    int n = epoll_wait(d->epoll, ev, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        uint32_t tag = ev[i].data.u32;
        if (tag == TAG_CHANNEL) {
            orders_take(d);
        } else if (tag == TAG_POKE) {
            clear_poke(d);
            orders_release(d);
        } else if (tag >= TAG_TAP) {
            tap_writable(d, tag - TAG_TAP, !(ev[i].events & (EPOLLERR | EPOLLHUP)));
        } else if (stream_at(d, tag)) {
            int full = serve_pipe(d, stream_at(d, tag));
            fullest = full > fullest ? full : fullest;
        }
    }
    if (n > 0 && fullest > BUSY && d->unkicked < KICK_BYTES)
        return fullest; /* there will be more at once: wake a writer for all of it */
    d->unkicked = 0;
    pthread_mutex_lock(&d->lock);
    d->finder_busy = writers_relieve_finder(d) | autofile_relieve(d);
    d->some_paused = d->npaused > 0;
    d->finder_busy |= !writers_kick(d);
    pthread_mutex_unlock(&d->lock);
    return n > 0 ? fullest : -2;
}

/* The fuller pipes are found, the shorter the sleep. */
static int64_t next_sleep(int64_t sleep, int fullest)
{
    if (fullest > BUSY)
        sleep = sleep * HALF_FULL / fullest;
    else
        sleep = sleep ? sleep * 2 : SLEEP_LEAST;
    return sleep < SLEEP_LEAST ? 0 : sleep > SLEEP_MOST ? SLEEP_MOST : sleep;
}

/* Sleeps, but for a word from supd. */
static void doze(struct logd *d, int64_t ns)
{
    struct pollfd p[2] = {{.fd = d->chan, .events = POLLIN}, {.fd = d->poke, .events = POLLIN}};
    struct timespec t = {.tv_nsec = ns};
    if (ns > 0 && !d->supd_gone)
        ppoll(p, 2, &t, NULL);
}

static void trim(struct logd *d)
{
    pthread_mutex_lock(&d->lock);
    ring_trim(&d->ring, TRIM_SPARE);
    pthread_mutex_unlock(&d->lock);
    mem_trim();
    if (!d->trimmed)
        mem_drop_code();
    d->trimmed = true;
}

/* What epoll_wait may wait for: for ever when quiet, else until the memory is to be trimmed. */
static int patience(const struct logd *d, bool dirty)
{
    if (d->unkicked)
        return KICK_WAIT_MS;
    if (d->supd_gone || d->answer_waits || d->some_paused || d->finder_busy)
        return 50;
    return dirty ? TRIM_AFTER_MS : -1;
}

void reader_run(struct logd *d)
{
    int64_t sleep = SLEEP_MOST;
    bool dirty = true; /* so is a start, and what a predecessor had no time for */
    while (!orders_done(d)) {
        int fullest = round_of(d, patience(d, dirty));
        dirty |= !d->trimmed;
        if (d->some_paused)
            check_paused(d);
        if (fullest == -2 && d->answer_waits)
            orders_release(d);
        if (fullest == -2 && dirty && !d->unkicked && !d->supd_gone && !d->some_paused) {
            trim(d);
            dirty = false;
        }
        if (fullest < 0)
            continue;
        dirty = true;
        sleep = next_sleep(sleep, fullest);
        doze(d, sleep);
    }
}
