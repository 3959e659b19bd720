/* Logs that the agent reads. The answer to the request comes over the channel if there is none, and
 * as a socket with the request's number over the hand if there is one. */
#include "supervisor/agent/logsock.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/fileask.h"
#include "supervisor/io/usock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define LIMIT DUR_S(10) /* for supd-log to answer: its disk may be slow */
#define AT_ONCE 2       /* of one log: the others do not wait for its disk */

struct ask {
    TAILQ_ENTRY(ask) link;
    struct agent_program *agent;
    uint32_t ref;
    char *name, *channel; /* of the log; name "": supd's own */
    int64_t follow;       /* bytes, -1: its file is asked for */
    bool asked;           /* else it waits for others that want the same log */
    int fd;               /* FILE: where the answer comes */
    struct loop_io io;
    struct loop_timer limit;
    logsock_fn *fn; /* NULL: nobody wants to know */
    void *obj;
};

struct logsocks {
    TAILQ_HEAD(, ask) asks;
    uint32_t refs;
};

static bool is_same(const struct ask *a, const struct ask *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->channel, b->channel) == 0;
}

/* Takes it off the list. */
static void ask_free(struct ask *q)
{
    TAILQ_REMOVE(&q->agent->logsocks->asks, q, link);
    channel_forget(q->agent->channel, q);
    loop_timer_stop(&q->limit);
    if (q->fd >= 0)
        loop_io_close(&q->io, &q->fd);
    free(q->name);
    free(q->channel);
    free(q);
}

static void send_next(struct agent_program *a);

static void finish(struct ask *q, int fd, const char *code, const char *text)
{
    struct agent_program *a = q->agent;
    logsock_fn *fn = q->fn;
    void *obj = q->obj;
    ask_free(q);
    if (fn)
        fn(obj, fd, code, text);
    else
        fd_close(&fd);
    send_next(a);
}

static void late(struct ask *q)
{
    finish(q, -1, "BUSY", "supd-log does not answer: its disk may be slow");
}

/* ---- supd-log's answer ---- */

static void on_answer(struct ask *q)
{
    struct fileask_answer a;
    int fd = -1;
    size_t nfds = 0;
    ssize_t n = usock_recv(q->fd, &a, sizeof(a), &fd, 1, &nfds);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n == (ssize_t)sizeof(a) && a.errnum == 0 && nfds)
        finish(q, fd, NULL, NULL);
    else if (n == (ssize_t)sizeof(a) && (a.errnum == ENOENT || a.errnum == EINVAL))
        finish(q, -1, "NO_FILE", a.errnum == ENOENT ? "there is no log file" : "it is no file");
    else if (n == (ssize_t)sizeof(a))
        finish(q, -1, "FAILED", strerror(a.errnum));
    else
        finish(q, -1, "BUSY", "supd-log is busy; try again");
}

void logsock_take(struct agent_program *a, const char *ref, int fd)
{
    struct ask *q = NULL;
    uint32_t number = (uint32_t)strtoul(ref, NULL, 10);
    if (a->logsocks)
        TAILQ_FOREACH (q, &a->logsocks->asks, link)
            if (q->ref == number)
                break;
    if (!q || q->fd >= 0) {
        fd_close(&fd);
        return;
    }
    if (q->follow >= 0) {
        finish(q, fd, NULL, NULL);
        return;
    }
    q->fd = fd;
    fd_nonblock(fd, true);
    if (loop_io_set(&q->io, fd, LOOP_READ) < 0)
        finish(q, -1, "FAILED", strerror(errno));
}

/* ---- asking ---- */

/* Of its answers only an error says something. */
static void on_reply(void *obj, const struct wire_reply *r)
{
    struct ask *q = obj;
    if (r->kind == WIRE_ERROR)
        finish(q, -1, r->code, r->text);
}

static struct ask *ask_new(struct agent_program *a, logsock_fn *fn, void *obj)
{
    if (!a->logsocks) {
        a->logsocks = mem_zalloc(sizeof(*a->logsocks));
        TAILQ_INIT(&a->logsocks->asks);
    }
    struct ask *q = mem_zalloc(sizeof(*q));
    *q = (struct ask){.agent = a, .ref = ++a->logsocks->refs, .fd = -1, .fn = fn, .obj = obj};
    LOOP_IO(&q->io, a->loop, on_answer, q);
    LOOP_TIMER(&q->limit, a->loop, late, q);
    return q;
}

static bool send_ask(struct ask *q)
{
    char ref[16], bytes[32];
    snprintf(ref, sizeof(ref), "%u", q->ref);
    snprintf(bytes, sizeof(bytes), "follow=%" PRId64, q->follow);
    const char *args[] = {ref, q->name, q->channel, q->follow >= 0 ? bytes : NULL, NULL};
    q->asked = true;
    return channel_ask(q->agent->channel, "log", args, on_reply, q);
}

static bool may_ask(const struct ask *q)
{
    const struct ask *other;
    unsigned n = 0;
    TAILQ_FOREACH (other, &q->agent->logsocks->asks, link)
        n += other->asked && is_same(other, q);
    return !q->asked && n < AT_ONCE;
}

/* One that waited has its turn. What cannot be sent is late, in the end. */
static void send_next(struct agent_program *a)
{
    struct ask *q;
    TAILQ_FOREACH (q, &a->logsocks->asks, link)
        if (may_ask(q)) {
            (void)send_ask(q);
            return;
        }
}

static bool ask(struct agent_program *a, const char *name, const char *channel, int64_t follow,
                logsock_fn *fn, void *obj)
{
    struct ask *q = ask_new(a, fn, obj);
    q->name = mem_strdup(name ? name : "");
    q->channel = mem_strdup(channel);
    q->follow = follow;
    TAILQ_INSERT_TAIL(&a->logsocks->asks, q, link);
    if (may_ask(q) && !send_ask(q)) {
        ask_free(q);
        return false;
    }
    loop_timer_at(&q->limit, mono_add(loop_now(a->loop), LIMIT));
    return true;
}

bool logsock_file(struct agent_program *a, const char *name, const char *channel, logsock_fn *fn,
                  void *obj)
{
    return ask(a, name, channel, -1, fn, obj);
}

bool logsock_follow(struct agent_program *a, const char *name, const char *channel, int64_t bytes,
                    logsock_fn *fn, void *obj)
{
    return ask(a, name, channel, bytes, fn, obj);
}

void logsock_forget(struct agent_program *a, const void *obj)
{
    struct ask *q = a->logsocks ? TAILQ_FIRST(&a->logsocks->asks) : NULL, *next;
    for (; q; q = next) {
        next = TAILQ_NEXT(q, link);
        if (q->obj == obj && !q->asked)
            ask_free(q);
        else if (q->obj == obj)
            q->fn = NULL;
    }
}

void logsocks_free(struct agent_program *a)
{
    struct ask *q;
    while (a->logsocks && (q = TAILQ_FIRST(&a->logsocks->asks)))
        ask_free(q);
    free(a->logsocks);
    a->logsocks = NULL;
}
