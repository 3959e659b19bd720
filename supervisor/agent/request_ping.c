/* agent ping: proof of life that goes all the way to supd and back. */
#include "supervisor/agent/program.h"

#include <stdlib.h>
#include <unistd.h>

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
        channel_kv_int(a->channel, "pid", getpid());
        channel_kv_int(a->channel, "uid", geteuid());
        channel_kv_int(a->channel, "uptime_ms", mono_sub(mono_now(), a->started).ns / 1000000);
        channel_kv_int(a->channel, "events", (int64_t)a->events);
        channel_kv_int(a->channel, "generation", number(r, "generation"));
        channel_kv_int(a->channel, "sections", a->gen ? (int64_t)a->gen->conf->items.n : -1);
        channel_kv_int(a->channel, "processes", a->gen ? (int64_t)a->gen->nprocs : -1);
        channel_end(a->channel);
    } else {
        channel_error(a->channel, p->ref, WIRE_FAILED, r->text);
    }
    p->agent = NULL;
}

void request_ping(struct agent_program *a, const struct channel_req *rq, char *const *args,
                  size_t n)
{
    size_t i = 0;
    (void)args, (void)n;
    while (i < PINGS_MAX && a->pings[i].agent)
        i++;
    if (i < PINGS_MAX && channel_ask(a->channel, "version", NULL, on_version, &a->pings[i]))
        a->pings[i] = (struct ping){.agent = a, .ref = rq->ref};
    else
        channel_error(a->channel, rq->ref, WIRE_BUSY, "the agent has too much to do");
}
