/* Taking what a pipe holds into the stream's blocks. */
#include "supervisor/logd/intake.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/pressure.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define READ_MOST (256u << 10)
#define PIECES 72

void intake_wait(struct logd *d, const struct stream *s)
{
    while (s->reading) {
        d->wants_pipe = true; /* not long: the pipe is known to hold what is read */
        pthread_cond_wait(&d->read_over, &d->lock);
    }
    d->wants_pipe = false;
}

bool intake_begin(struct logd *d, struct stream *s, bool wait)
{
    if (s->reading && !wait)
        return false;
    if (wait)
        intake_wait(d, s);
    s->reading = true;
    return true;
}

void intake_end(struct logd *d, struct stream *s)
{
    s->reading = false;
    if (d->wants_pipe)
        pthread_cond_signal(&d->read_over);
    if (!stream_backlog(d, s))
        stream_progress(d, s); /* what waited for the end of this read only */
}

size_t intake_fill(const struct stream *s)
{
    int n = 0;
    return ioctl(s->fd, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

size_t intake_waiting(struct logd *d, struct stream *s)
{
    pthread_mutex_unlock(&d->lock);
    size_t n = intake_fill(s);
    if (n && !s->capacity) {
        s->capacity = fcntl(s->fd, F_GETPIPE_SZ);
        s->capacity = s->capacity > 0 ? s->capacity : 65536;
    }
    pthread_mutex_lock(&d->lock);
    return n;
}

/* Room for n bytes, made if need be. Sets up iov; 0: none, the pipe keeps them for now. */
static size_t find_room(struct logd *d, struct stream *s, size_t n, struct iovec *iov, int *pieces,
                        int64_t wall)
{
    struct chain *c = &d->chains[s->slot];
    uint32_t need = (uint32_t)(n / LOGSHM_BLOCK) + 2;
    if (d->ring.nfree < need)
        tap_give_up(d, s);
    for (int i = 0; d->ring.nfree < need && i < 8 && !stream_shared(d, s)->block; i++)
        if (!pressure_relieve(d))
            break;
    return ring_room(&d->ring, c, s->slot, n, iov, PIECES, pieces, wall);
}

/* With loglevel=debug supd's own log has a copy. A text that has no room in its pipe is left out:
 * who reads that pipe is us. */
static void copy_to_main(const struct logd *d, const struct stream *s, const struct iovec *iov,
                         int pieces, size_t n)
{
    char head[256];
    if (!n || s->slot == LOGSHM_MAIN || !__atomic_load_n(&d->h->log_debug, __ATOMIC_RELAXED))
        return;
    const struct logshm_stream *r = stream_shared(d, s);
    snprintf(head, sizeof(head), "'%.200s' %s output", logshm_string(d->h, r->name),
             r->channel ? "stderr" : "stdout");
    for (int i = 0; i < pieces && n; i++) {
        size_t part = iov[i].iov_len < n ? iov[i].iov_len : n;
        log_block(LVL_DEBUG, head, iov[i].iov_base, part);
        n -= part;
    }
}

/* The pipe holds as much as is aimed at and nobody else reads it: so a read() gives all of it or
 * was not made, and a successor can tell which. */
size_t intake_take(struct logd *d, struct stream *s, size_t n)
{
    struct iovec iov[PIECES];
    int pieces;
    int64_t wall = wall_now().ns;
    size_t room = find_room(d, s, n > READ_MOST ? READ_MOST : n, iov, &pieces, wall);
    if (!room)
        return 0;
    uint64_t from = stream_shared(d, s)->read;
    bool sided = s->sided; /* changes only while nobody reads */
    ring_begin(&d->ring, &d->chains[s->slot], s->slot, room);
    pthread_mutex_unlock(&d->lock);
    if (sided)
        tap_announce(d, s, room);
    ssize_t got;
    do
        got = readv(s->fd, iov, pieces);
    while (got < 0 && errno == EINTR);
    if (sided)
        tap_text(d, s, iov, pieces, got > 0 ? (size_t)got : 0);
    copy_to_main(d, s, iov, pieces, got > 0 ? (size_t)got : 0);
    pthread_mutex_lock(&d->lock);
    ring_commit(&d->ring, &d->chains[s->slot], s->slot, got > 0 ? (size_t)got : 0);
    stream_has_more(d, s);
    stream_was_read(s, from, wall);
    return got > 0 ? (size_t)got : 0;
}

size_t intake_some(struct logd *d, struct stream *s, int *out_percent)
{
    size_t n = intake_waiting(d, s);
    if (s->closing) /* what came later is not the program's */
        s->rest = n < s->rest ? (uint32_t)n : s->rest, n = s->rest;
    *out_percent = n ? (int)(n * 100 / (size_t)s->capacity) : 0;
    return n ? intake_take(d, s, n) : 0;
}
