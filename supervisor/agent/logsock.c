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

struct ask {
    TAILQ_ENTRY(ask) link;
    struct agent_program *agent;
    uint32_t ref;
    bool follow;
    int fd; /* FILE: where the answer comes */
    struct loop_io io;
    struct loop_timer limit;
    logsock_fn *fn; /* NULL: nobody wants to know */
    void *obj;
};

struct logsocks {
    TAILQ_HEAD(, ask) asks;
    uint32_t refs;
};

static void finish(struct ask *q, int fd, const char *code, const char *text)
{
    TAILQ_REMOVE(&q->agent->logsocks->asks, q, link);
    channel_forget(q->agent->channel, q);
    loop_timer_stop(&q->limit);
    if (q->fd >= 0)
        loop_io_close(&q->io, &q->fd);
    if (q->fn)
        q->fn(q->obj, fd, code, text);
    else
        fd_close(&fd);
    free(q);
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
    if (q->follow) {
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

static bool ask(struct agent_program *a, const char *name, const char *channel, int64_t follow,
                logsock_fn *fn, void *obj)
{
    struct ask *q = ask_new(a, fn, obj);
    char ref[16], bytes[32];
    q->follow = follow >= 0;
    snprintf(ref, sizeof(ref), "%u", q->ref);
    snprintf(bytes, sizeof(bytes), "follow=%" PRId64, follow);
    const char *args[] = {ref, name ? name : "", channel, q->follow ? bytes : NULL, NULL};
    if (!channel_ask(a->channel, "log", args, on_reply, q)) {
        free(q);
        return false;
    }
    TAILQ_INSERT_TAIL(&a->logsocks->asks, q, link);
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
    struct ask *q;
    if (a->logsocks)
        TAILQ_FOREACH (q, &a->logsocks->asks, link)
            if (q->obj == obj)
                q->fn = NULL;
}

void logsocks_free(struct agent_program *a)
{
    struct ask *q;
    while (a->logsocks && (q = TAILQ_FIRST(&a->logsocks->asks))) {
        q->fn = NULL;
        finish(q, -1, NULL, NULL);
    }
    free(a->logsocks);
    a->logsocks = NULL;
}
