/* supd-agent: follows what supd does, and answers the requests that supd forwards to it. */
#include "supervisor/agent/agent.h"
#include "supervisor/agent/channel.h"
#include "supervisor/base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PINGS_MAX 16

struct agent_program;

/* a ping that waits for supd's own answer, so that it proves the way there and back */
struct ping {
    struct agent_program *agent; /* NULL: free */
    uint32_t ref;
};

struct agent_program {
    struct loop *loop;
    struct channel *channel;
    mono_t started;
    uint64_t events; /* seen */
    struct ping pings[PINGS_MAX];
};

static int64_t number(const struct wire_reply *r, const char *key)
{
    struct wire_pair pairs[32];
    int64_t n = wire_pairs(r->rest, pairs, 32);
    const char *text = n > 0 ? wire_value(pairs, (size_t)n, key) : NULL;
    return text ? strtoll(text, NULL, 10) : 0;
}

static void on_version(void *obj, const struct wire_reply *r)
{
    struct ping *p = obj;
    struct agent_program *a = p->agent;
    if (r->kind == WIRE_OK) {
        channel_ok_begin(a->channel, p->ref);
        channel_kv(a->channel, "pid", getpid());
        channel_kv(a->channel, "uid", geteuid());
        channel_kv(a->channel, "uptime_ms", mono_sub(mono_now(), a->started).ns / 1000000);
        channel_kv(a->channel, "events", (int64_t)a->events);
        channel_kv(a->channel, "generation", number(r, "generation"));
        channel_ok_end(a->channel);
    } else {
        channel_error(a->channel, p->ref, WIRE_FAILED, r->text);
    }
    p->agent = NULL;
}

static void do_ping(struct agent_program *a, const struct channel_req *rq)
{
    size_t i = 0;
    while (i < PINGS_MAX && a->pings[i].agent)
        i++;
    if (i < PINGS_MAX && channel_ask(a->channel, "version", on_version, &a->pings[i]))
        a->pings[i] = (struct ping){.agent = a, .ref = rq->ref};
    else
        channel_error(a->channel, rq->ref, WIRE_BUSY, "the agent has too much to do");
}

static const struct {
    const char *verb;
    void (*fn)(struct agent_program *a, const struct channel_req *rq);
} requests[] = {
    {"ping", do_ping},
};

static void on_request(void *obj, const struct channel_req *rq, char *const *args, size_t nargs)
{
    struct agent_program *a = obj;
    (void)args;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strcmp(requests[i].verb, rq->verb) != 0)
            continue;
        if (nargs > 0)
            channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, "usage: agent ping");
        else
            requests[i].fn(a, rq);
        return;
    }
    channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST,
                  "no such request to the agent; known is: ping");
}

static void on_event(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct agent_program *a = obj;
    (void)pairs, (void)n;
    a->events++;
}

static void on_closed(void *obj)
{
    struct agent_program *a = obj;
    loop_stop(a->loop);
}

/* Signals that are meant for others (a terminal's, a container's) do not end the agent: its channel
 * does. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int agent_run(int channel_fd)
{
    static const struct channel_ops ops = {on_event, on_request, on_closed};
    struct agent_program a = {.started = mono_now()};
    struct err e;
    block_signals();
    a.loop = loop_new(&e);
    if (a.loop)
        a.channel = channel_new(a.loop, channel_fd, &ops, &a, &e);
    if (a.channel)
        loop_run(a.loop);
    else
        log_error("%s", e.msg);
    int status = a.channel ? 0 : 1;
    channel_free(&a.channel);
    loop_free(&a.loop);
    return status;
}
