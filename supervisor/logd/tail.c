/* Clients that want output: a thread each, since the disk that one asks for may not answer. */
#include "supervisor/logd/tail.h"
#include "supervisor/base/fd.h"
#include "supervisor/logd/follow.h"
#include "supervisor/logd/sink.h"
#include "supervisor/logd/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define HUNG_MAX 4 /* of one log: more of them would wait just the same */
#define HUNG DUR_S(1)
#define RECORD 16384u
#define HEAD_ROOM 64u
#define ID_MAX 32u
#define WRITTEN_WAIT DUR_MS(200) /* for what was read to reach the file */
#define STACK_BYTES (256 << 10)

enum source { FROM_FILE, FROM_RING };

struct client {
    TAILQ_ENTRY(client) link;
    struct logd *logd;
    int fd, wake;
    char id[ID_MAX];
    struct stream *stream; /* NULL: it is gone */
    bool follow, marks, opened, ended;
    int64_t bytes;
    uint64_t upto; /* what was read when it asked */
    mono_t patience;
    mono_t busy; /* since when it has been waiting for its file; 0: it has not */
    enum source source;
    struct follow file;
    uint64_t pos;  /* FROM_RING: next byte of the stream */
    uint64_t stop; /* FROM_RING: not beyond, without follow */
    size_t sent, len;
    char *buf; /* the record being sent */
};

struct tails {
    TAILQ_HEAD(, client) clients; /* all under logd's lock, but for what a thread reads or sends */
    unsigned n;
};

struct tails *tails_new(void)
{
    struct tails *t = calloc(1, sizeof(*t));
    if (t)
        TAILQ_INIT(&t->clients);
    return t;
}

static void wake(const struct client *c)
{
    uint64_t one = 1;
    if (write(c->wake, &one, sizeof(one)) < 0)
        return; /* it is awake */
}

void tails_wake(struct logd *d, const struct stream *s)
{
    const struct client *c;
    TAILQ_FOREACH (c, &d->tails->clients, link)
        if (c->stream == s)
            wake(c);
}

void tails_forget(struct logd *d, const struct stream *s)
{
    struct client *c;
    TAILQ_FOREACH (c, &d->tails->clients, link) {
        if (c->stream != s)
            continue;
        c->stream = NULL;
        wake(c);
    }
}

/* ---- records ---- */

static void put_text(struct client *c, const char *text, size_t n)
{
    memcpy(c->buf + c->len, text, n);
    c->len += n;
}

/* The bytes lie at buf + HEAD_ROOM already: the head goes right before them. */
static void put_record(struct client *c, size_t n)
{
    char head[HEAD_ROOM];
    int h = snprintf(head, sizeof(head), "%s bytes %zu\n", c->id, n);
    c->sent = HEAD_ROOM - (size_t)h;
    memcpy(c->buf + c->sent, head, (size_t)h);
    c->len = HEAD_ROOM + n;
    c->buf[c->len++] = '\n';
}

static void put_end(struct client *c)
{
    int n = snprintf(c->buf, RECORD, "%s ok\n", c->id);
    c->sent = 0;
    c->len = (size_t)n;
    c->ended = true;
}

static void put_error(struct client *c, const char *text)
{
    int n = snprintf(c->buf, RECORD, "%s error NO_FILE %s\n", c->id, text);
    c->sent = 0;
    c->len = (size_t)n;
    c->ended = true;
}

/* ---- where the bytes come from ---- */

static bool is_written(const struct logd *d, const struct client *c)
{
    const struct out *o = &c->stream->outs[0];
    return !o->sink || out_shared(d, o)->done >= c->upto;
}

/* Its disk may not answer: without the lock in between. */
static void file_begin(struct logd *d, struct client *c)
{
    c->busy = mono_now();
    pthread_mutex_unlock(&d->lock);
}

static void file_end(struct logd *d, struct client *c)
{
    pthread_mutex_lock(&d->lock);
    c->busy = MONO_NEVER;
}

/* Chooses file or ring; with the lock, let go for the open. True when that is settled. */
static bool open_source(struct logd *d, struct client *c)
{
    stream_sink(d, c->stream);
    const struct sink *k = c->stream->outs[0].sink;
    if (!is_written(d, c) && !mono_reached(c->patience, mono_now()))
        return false;
    c->opened = true;
    c->source = FROM_RING;
    if (k && k->kind == SINK_FILE && (k->regular || k->fd < 0)) {
        char *path = strdup(k->path);
        int backups = k->backups;
        file_begin(d, c);
        int rc = path ? follow_open(&c->file, path, backups, c->bytes, c->marks) : -1;
        free(path);
        file_end(d, c);
        if (rc == 1)
            c->source = FROM_FILE;
    }
    if (!c->stream)
        return true;
    const struct logshm_stream *r = stream_shared(d, c->stream);
    uint64_t from = r->read > (uint64_t)c->bytes ? r->read - (uint64_t)c->bytes : 0;
    uint64_t oldest = ring_oldest(&d->ring, &d->chains[c->stream->slot], r->read);
    c->pos = from > oldest ? from : oldest;
    if (c->source == FROM_FILE)
        c->pos = out_shared(d, &c->stream->outs[0])->done; /* what no file has yet */
    c->stop = r->read;
    return true;
}

/* With the lock. */
static size_t read_ring(struct logd *d, struct client *c)
{
    struct span v;
    const struct chain *chain = &d->chains[c->stream->slot];
    uint64_t read = stream_shared(d, c->stream)->read;
    uint64_t end = c->follow ? read : c->stop, oldest = ring_oldest(&d->ring, chain, read);
    if (c->pos < oldest)
        c->pos = oldest;
    if (c->pos >= end || end > read)
        return 0;
    uint64_t to = end - c->pos > RECORD ? c->pos + RECORD : end;
    v.len = ring_view(&d->ring, chain, c->pos, to, v.iov, SPAN_PIECES, &v.n);
    if (v.len)
        span_copy(&v, c->buf + HEAD_ROOM);
    c->pos += v.len;
    return v.len;
}

/* Without the lock. */
static size_t read_file(struct client *c)
{
    ssize_t n = follow_read(&c->file, c->buf + HEAD_ROOM, RECORD);
    return n > 0 ? (size_t)n : 0;
}

/* The next record, the end, or nothing for now. With the lock. */
static void refill(struct logd *d, struct client *c)
{
    size_t n = 0;
    if (!c->stream && !c->opened) {
        put_error(c, "there is no such log");
        return;
    }
    if (!c->opened && !open_source(d, c))
        return;
    if (c->source == FROM_FILE) {
        file_begin(d, c);
        n = read_file(c);
        file_end(d, c);
    }
    if (!n && c->stream && (c->source == FROM_RING || !c->follow))
        n = read_ring(d, c);
    if (n)
        put_record(c, n);
    else if (!c->follow || !c->stream)
        put_end(c);
}

/* ---- one client ---- */

/* False: it is gone, or has all it wanted. */
static bool push(struct client *c)
{
    while (c->sent < c->len) {
        ssize_t n = send(c->fd, c->buf + c->sent, c->len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        c->sent += (size_t)n;
    }
    return !c->ended;
}

/* What it says now has no meaning; its end has. */
static bool is_there(struct client *c)
{
    char waste[512];
    ssize_t n = recv(c->fd, waste, sizeof(waste), MSG_DONTWAIT);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Its connection is the caller's. */
static void client_free(struct client *c)
{
    fd_close(&c->wake);
    if (c->opened && c->file.path)
        follow_close(&c->file);
    free(c->buf);
    free(c);
}

/* Sends as much as goes, a few records at most; with the lock. False: it is to be freed. */
static bool serve(struct logd *d, struct client *c)
{
    for (int i = 0; i < 16; i++) {
        bool alive = push(c);
        if (!alive || c->sent < c->len)
            return alive;
        refill(d, c);
        if (c->sent == c->len)
            return true;
    }
    return true;
}

/* ---- the thread ---- */

/* Until there may be something to do; false: the client is gone. Without the lock. */
static bool wait_for_more(struct client *c)
{
    uint64_t word;
    struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->wake, .events = POLLIN}};
    if (c->sent < c->len)
        p[0].events |= POLLOUT;
    poll(p, 2, c->opened ? -1 : 50);
    if ((p[1].revents & POLLIN) && read(c->wake, &word, sizeof(word)) < 0)
        word = 0;
    if (p[0].revents & (POLLERR | POLLNVAL))
        return false;
    return !(p[0].revents & POLLIN) || is_there(c);
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    struct logd *d = c->logd;
    pthread_mutex_lock(&d->lock);
    bool alive = true;
    while (alive && serve(d, c)) {
        pthread_mutex_unlock(&d->lock);
        alive = wait_for_more(c);
        pthread_mutex_lock(&d->lock);
    }
    TAILQ_REMOVE(&d->tails->clients, c, link);
    d->tails->n--;
    pthread_mutex_unlock(&d->lock);
    fd_close(&c->fd);
    client_free(c);
    return NULL;
}

static bool start(struct client *c)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool runs = pthread_create(&thread, &attr, client_main, c) == 0;
    pthread_attr_destroy(&attr);
    return runs;
}

static struct client *client_new(int fd, const struct logshm_msg *msg, const char *text)
{
    size_t pending = msg->n - msg->nid;
    if (msg->nid == 0 || msg->nid >= ID_MAX)
        return NULL;
    struct client *c = calloc(1, sizeof(*c));
    char *buf = malloc(HEAD_ROOM + RECORD + pending + 1);
    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!c || !buf || wake_fd < 0) {
        fd_close(&wake_fd);
        free(c);
        free(buf);
        return NULL;
    }
    c->fd = fd;
    c->wake = wake_fd;
    c->buf = buf;
    c->file.fd = -1;
    c->marks = msg->follow > 1;
    c->follow = msg->follow;
    c->bytes = msg->arg;
    c->patience = mono_add(mono_now(), WRITTEN_WAIT);
    memcpy(c->id, text, msg->nid);
    put_text(c, text + msg->nid, pending);
    return c;
}

/* So many wait for the disk of this log already. */
static bool is_hung(const struct logd *d, const struct stream *s)
{
    const struct client *c;
    mono_t now = mono_now();
    unsigned n = 0;
    TAILQ_FOREACH (c, &d->tails->clients, link)
        n += c->stream == s && c->busy.ns && mono_sub(now, c->busy).ns > HUNG.ns;
    return n >= HUNG_MAX;
}

int tails_add(struct logd *d, struct stream *s, int fd, const struct logshm_msg *msg,
              const char *text)
{
    struct client *c = d->tails->n < CLIENTS_MAX ? client_new(fd, msg, text) : NULL;
    if (!c)
        return -1;
    fd_nonblock(fd, true);
    pthread_mutex_lock(&d->lock);
    bool hung = is_hung(d, s);
    c->logd = d;
    c->stream = s;
    if (s) {
        c->upto = stream_shared(d, s)->read;
        stream_flush(d, s);
    }
    bool runs = !hung && start(c);
    if (runs) {
        TAILQ_INSERT_TAIL(&d->tails->clients, c, link);
        d->tails->n++;
    }
    pthread_mutex_unlock(&d->lock);
    if (!runs)
        client_free(c);
    return runs ? 0 : -1;
}
