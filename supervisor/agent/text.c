/* The output of programs as supd-agent gets it. */
#include "supervisor/agent/text.h"
#include "supervisor/base/fd.h"
#include "supervisor/core/logshm.h"
#include "supervisor/core/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TURN_MESSAGES 64
#define TURN_TIME DUR_MS(10) /* costly expressions must not hold up the rest of the agent */
/* A busy socket is looked at after naps, so that neither side wakes the other for each message. */
#define NAP_LEAST ((dur_t){250000})
#define NAP_MOST DUR_MS(16)
#define MESSAGE_MEMORY 16384 /* of the kernel, for a full one */

/* A stream that is tapped for us. */
struct source {
    uint32_t key;
    struct tap_join join;
    char *names; /* program, NUL, process, NUL */
};

struct text_port {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer timer; /* of a nap; the loop does not watch the socket meanwhile */
    dur_t nap;
    mono_t woken;
    int fd;
    int holds; /* messages, the socket */
    text_fn *fn;
    void *obj;
    struct source *sources; /* [nsources], by slot */
    uint32_t nsources;
    char message[TAP_MESSAGE];
};

static struct source *source_at(struct text_port *p, uint32_t slot)
{
    uint32_t n = p->nsources ? p->nsources : 16;
    if (slot >= LOGSHM_STREAMS_MAX)
        return NULL;
    while (n <= slot)
        n *= 2;
    if (n > p->nsources) {
        struct source *v = realloc(p->sources, n * sizeof(*v));
        if (!v)
            return NULL;
        memset(v + p->nsources, 0, (n - p->nsources) * sizeof(*v));
        p->sources = v;
        p->nsources = n;
    }
    return &p->sources[slot];
}

static void take_names(struct text_port *p, const struct tap_head *h, const char *text)
{
    struct source *s = source_at(p, h->slot);
    char *names = s && s->key != h->key ? malloc(h->len) : NULL;
    if (!names || strlen(text) + 2 > h->len) { /* known, or the second name is missing */
        free(names);
        return;
    }
    memcpy(names, text, h->len);
    free(s->names);
    *s = (struct source){.key = h->key, .names = names};
}

static void take_text(struct text_port *p, struct tap_head *h, const char *text)
{
    struct source *s = h->slot < p->nsources ? &p->sources[h->slot] : NULL;
    uint64_t skipped;
    if (!s || !s->names || s->key != h->key || !tap_join(&s->join, h, &text, &skipped))
        return;
    struct text_piece piece = {.program = s->names,
                               .process = s->names + strlen(s->names) + 1,
                               .slot = h->slot,
                               .key = h->key,
                               .channel = h->channel,
                               .run = h->run,
                               .pid = h->pid,
                               .skipped = skipped,
                               .torn = h->flags & TAP_TORN,
                               .text = text,
                               .len = h->len};
    p->fn(p->obj, &piece);
}

/* True if there may be more. */
static bool receive(struct text_port *p)
{
    struct tap_head h;
    const char *text;
    ssize_t n = recv(p->fd, p->message, sizeof(p->message), MSG_DONTWAIT | MSG_TRUNC);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        loop_io_close(&p->io, &p->fd); /* supd is gone, or took it away */
        return false;
    }
    if (n < 0 || (size_t)n > sizeof(p->message) || !tap_read(p->message, (size_t)n, &h, &text))
        return n > 0;
    if (h.flags & TAP_NAMES)
        take_names(p, &h, text);
    else
        take_text(p, &h, text);
    return true;
}

static int drain(struct text_port *p)
{
    mono_t until = mono_add(mono_now(), TURN_TIME);
    int n = 0;
    while (n < TURN_MESSAGES && receive(p)) {
        n++;
        if (mono_reached(until, mono_now()))
            break;
    }
    return n;
}

static void doze(struct text_port *p)
{
    if (p->fd < 0)
        return;
    loop_io_set(&p->io, p->fd, 0);
    loop_timer_at(&p->timer, mono_add(loop_now(p->loop), p->nap));
}

/* Woken twice within a nap: from now on it looks by itself. */
static void on_io(struct text_port *p)
{
    mono_t before = p->woken;
    p->woken = loop_now(p->loop);
    drain(p);
    p->nap = NAP_MOST;
    if (mono_sub(p->woken, before).ns < NAP_MOST.ns)
        doze(p);
}

/* The more there was, the shorter the next nap; nothing: the loop watches again. */
static void on_nap(struct text_port *p)
{
    int n = drain(p);
    if (!n && p->fd >= 0)
        loop_io_set(&p->io, p->fd, LOOP_READ | LOOP_SOCKET);
    if (!n)
        return;
    if (n > p->holds * 2 / 3)
        p->nap.ns = p->nap.ns / 2 < NAP_LEAST.ns ? NAP_LEAST.ns : p->nap.ns / 2;
    else if (n < p->holds / 4)
        p->nap.ns = p->nap.ns * 2 > NAP_MOST.ns ? NAP_MOST.ns : p->nap.ns * 2;
    doze(p);
}

/* As supd sized it, both ends alike. */
static int holds(int fd)
{
    int size = 0;
    socklen_t len = sizeof(size);
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len);
    return size / MESSAGE_MEMORY > 8 ? size / MESSAGE_MEMORY : 8;
}

struct text_port *text_open(struct loop *l, int fd, text_fn *fn, void *obj, struct err *e)
{
    struct text_port *p = calloc(1, sizeof(*p));
    if (!p) {
        fd_close(&fd);
        err_set(e, "out of memory");
        return NULL;
    }
    *p = (struct text_port){.loop = l, .fd = fd, .holds = holds(fd), .fn = fn, .obj = obj};
    LOOP_IO(&p->io, l, on_io, p);
    LOOP_TIMER(&p->timer, l, on_nap, p);
    if (loop_io_set(&p->io, fd, LOOP_READ) < 0) {
        err_errno(e, errno, "descriptor %d is no socket for text", fd);
        fd_close(&p->fd);
        free(p);
        return NULL;
    }
    return p;
}

void text_close(struct text_port **pp)
{
    struct text_port *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    loop_timer_stop(&p->timer);
    if (p->fd >= 0)
        loop_io_close(&p->io, &p->fd);
    for (uint32_t i = 0; i < p->nsources; i++)
        free(p->sources[i].names);
    free(p->sources);
    free(p);
}
