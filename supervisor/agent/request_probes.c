/* agent probes: all probes and how they are; agent probe run: one attempt, now. */
#include "supervisor/agent/unknown.h"
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *status_text(enum verdict_status s)
{
    static const char *const text[] = {"ok", "fail", "unknown"};
    return text[s];
}

/* A failure that is not confirmed yet has a word of its own. */
static const char *state_text(const struct probe_view *v)
{
    return v->state == SCHED_OK && v->fails ? "FAILING" : sched_state_text(v->state);
}

static void put_times(struct agent_program *a, const struct probe_view *v)
{
    int64_t now = wall_now().ns;
    channel_kv_int(a->channel, "since_ms", (now - v->since.ns) / 1000000);
    if (v->next.ns)
        channel_kv_int(a->channel, "next_ms", mono_sub(v->next, loop_now(a->loop)).ns / 1000000);
    if (v->last_at.ns)
        channel_kv_int(a->channel, "last_ms", (now - v->last_at.ns) / 1000000);
    channel_kv_int(a->channel, "late_max_ms", v->late_max_ns / 1000000);
}

static void put_verdict(struct channel *c, const struct verdict *v)
{
    static const char *const phases[PHASES] = {"resolve_us", "connect_us", "tls_us",
                                               "processing_us", "transfer_us"};
    channel_kv(c, "status", status_text(v->status));
    channel_kv_int(c, "took_us", v->total_ns / 1000);
    if (v->reason != REASON_NONE)
        channel_kv_fmt(c, "reason", "%s%s%s", reason_text(v->reason), v->subreason[0] ? ":" : "",
                       v->subreason);
    channel_kv(c, "detail", v->detail);
    for (int i = 0; i < PHASES; i++) {
        if (v->phase_ns[i] >= 0)
            channel_kv_int(c, phases[i], v->phase_ns[i] / 1000);
    }
    if (v->has_value)
        channel_kv_fmt(c, "value", "%.17g", v->value);
    if (v->cert.seen)
        channel_kv_int(c, "not_after", v->cert.not_after);
    if (v->cert.stage)
        channel_kv_int(c, "stage", v->cert.stage);
}

static void put_row(struct agent_program *a, uint32_t ref, const struct probe_view *v)
{
    channel_row_begin(a->channel, ref);
    channel_kv(a->channel, "name", v->name);
    channel_kv(a->channel, "type", v->type);
    channel_kv(a->channel, "state", state_text(v));
    put_times(a, v);
    if (v->last_at.ns)
        put_verdict(a->channel, v->last);
    if (v->opts->program)
        channel_kv(a->channel, "program", v->opts->program);
    channel_kv_int(a->channel, "runs", (int64_t)v->runs);
    channel_kv_int(a->channel, "failures", (int64_t)v->failures);
    channel_kv_int(a->channel, "overruns", (int64_t)v->overruns);
    channel_end(a->channel);
}

static bool wanted(const char *name, char *const *args, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(args[i], name) == 0)
            return true;
    }
    return n == 0;
}

void request_probes(struct agent_program *a, const struct channel_req *rq, char *const *args,
                    size_t n)
{
    struct probe_view v;
    for (size_t i = 0; i < n; i++) {
        if (!probes_find(a->probes, args[i], &v)) {
            unknown_refuse(a, rq, &family_probe, args[i]);
            return;
        }
    }
    for (size_t i = 0; probes_view(a->probes, i, &v); i++) {
        if (wanted(v.name, args, n))
            put_row(a, rq->ref, &v);
    }
    channel_ok(a->channel, rq->ref);
}

/* ---- probe run ---- */

struct waiting {
    struct agent_program *a;
    uint32_t ref;
};

static void on_run(void *obj, const struct probe_view *v, const struct verdict *verdict)
{
    struct waiting *w = obj;
    if (verdict) {
        channel_ok_begin(w->a->channel, w->ref);
        channel_kv(w->a->channel, "name", v->name);
        channel_kv(w->a->channel, "state", state_text(v));
        put_verdict(w->a->channel, verdict);
        channel_end(w->a->channel);
    } else {
        channel_error(w->a->channel, w->ref, WIRE_FAILED,
                      "the attempt was ended: the configuration changed");
    }
    free(w);
}

void request_probe(struct agent_program *a, const struct channel_req *rq, char *const *args,
                   size_t n)
{
    (void)n;
    struct waiting *w = mem_zalloc(sizeof(*w));
    *w = (struct waiting){a, rq->ref};
    if (strcmp(args[0], "run") != 0)
        channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, "usage: agent probe run NAME");
    else if (!probes_run(a->probes, args[1], on_run, w))
        unknown_refuse(a, rq, &family_probe, args[1]);
    else
        return;
    free(w);
}
