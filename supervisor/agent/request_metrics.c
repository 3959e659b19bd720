/* agent metrics, notifiers, notify test. */
#include "supervisor/agent/unknown.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    struct agent_program *a;
    uint32_t ref;
    wall_t now;
};

/* ---- metrics ---- */

static void put_quantiles(struct channel *c, const struct engine_window *w)
{
    if (!w->has_percentiles)
        return;
    channel_kv_int(c, "p50_us", w->p50 / 1000);
    channel_kv_int(c, "p95_us", w->p95 / 1000);
    channel_kv_int(c, "p99_us", w->p99 / 1000);
}

static void put_window(struct listing *l, const struct engine_metric *m,
                       const struct engine_window *w)
{
    struct channel *c = l->a->channel;
    char length[DUR_TEXT];
    double total = w->ok + w->err;
    channel_row_begin(c, l->ref);
    channel_kv(c, "name", m->name);
    channel_kv(c, "type", m->type);
    channel_kv(c, "window", dur_format(w->length, length, sizeof(length)));
    channel_kv_fmt(c, "total", "%.0f", total);
    channel_kv_fmt(c, "errors", "%.0f", w->err);
    if (total > 0)
        channel_kv_fmt(c, "ratio", "%.6f", w->err / total);
    channel_kv_fmt(c, "known", "%.4f", w->known);
    put_quantiles(c, w);
    if (m->evidence && *m->evidence)
        channel_kv(c, "evidence", m->evidence);
    channel_end(c);
}

static void put_metric(void *obj, const struct engine_metric *m)
{
    for (int i = 0; i < ENGINE_WINDOWS; i++)
        put_window(obj, m, &m->windows[i]);
}

void request_metrics(struct agent_program *a, const struct channel_req *rq, char *const *args,
                     size_t n)
{
    struct listing l = {a, rq->ref, wall_now()};
    for (size_t i = 0; i < n; i++) {
        if (engine_metrics(a->engine, args[i], put_metric, &l) == 0) {
            unknown_refuse(a, rq, &family_metric, args[i]);
            return;
        }
    }
    if (n == 0)
        engine_metrics(a->engine, NULL, put_metric, &l);
    channel_ok(a->channel, rq->ref);
}

/* ---- notifiers ---- */

static void put_notifier(void *obj, const struct engine_notifier *v)
{
    struct listing *l = obj;
    struct channel *c = l->a->channel;
    bool failing = v->refused || (v->last_error_at.ns > v->last_ok_at.ns);
    channel_row_begin(c, l->ref);
    channel_kv(c, "name", v->name);
    channel_kv(c, "type", v->type);
    channel_kv(c, "state", failing ? "failing" : v->last_ok_at.ns ? "ok" : "unused");
    channel_kv_int(c, "delivered", (int64_t)v->delivered);
    channel_kv_int(c, "failed", (int64_t)v->failed);
    channel_kv_int(c, "lost", (int64_t)v->lost);
    channel_kv_int(c, "waiting", (int64_t)v->waiting);
    if (v->last_ok_at.ns)
        channel_kv_int(c, "last_ms", (l->now.ns - v->last_ok_at.ns) / 1000000);
    if (v->last_error && *v->last_error)
        channel_kv(c, "error", v->last_error);
    channel_end(c);
}

void request_notifiers(struct agent_program *a, const struct channel_req *rq, char *const *args,
                       size_t n)
{
    struct listing l = {a, rq->ref, wall_now()};
    (void)args, (void)n;
    engine_notifiers(a->engine, NULL, put_notifier, &l);
    channel_ok(a->channel, rq->ref);
}

struct testing {
    struct agent_program *a;
    uint32_t ref;
    char *name;
};

static void on_tested(void *obj, bool delivered, const char *text)
{
    struct testing *t = obj;
    if (delivered) {
        channel_ok_begin(t->a->channel, t->ref);
        channel_kv(t->a->channel, "name", t->name);
        channel_kv(t->a->channel, "text", *text ? text : "delivered");
        channel_end(t->a->channel);
    } else {
        struct str why = STR_INIT;
        str_printf(&why, "%s did not deliver it: %s", t->name, text);
        channel_error(t->a->channel, t->ref, WIRE_FAILED, str_text(&why));
        str_fini(&why);
    }
    free(t->name);
    free(t);
}

void request_notify(struct agent_program *a, const struct channel_req *rq, char *const *args,
                    size_t n)
{
    struct err e;
    (void)n;
    if (strcmp(args[0], "test") != 0) {
        channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, "usage: agent notify test NAME");
        return;
    }
    if (unknown_item(a, &family_notify, args[1])) {
        unknown_refuse(a, rq, &family_notify, args[1]);
        return;
    }
    struct testing *t = mem_zalloc(sizeof(*t));
    *t = (struct testing){a, rq->ref, mem_strdup(args[1])};
    if (engine_test(a->engine, args[1], on_tested, t, &e) == 0)
        return;
    channel_error(a->channel, rq->ref, WIRE_BAD_NAME, e.msg);
    free(t->name);
    free(t);
}
