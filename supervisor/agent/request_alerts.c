/* agent alerts, ack, unack, silence, unsilence, silences. */
#include "supervisor/agent/unknown.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"
#include "supervisor/core/hand.h"

#include <stdlib.h>
#include <string.h>

#define SILENCE_FOR DUR_S(3600)

struct listing {
    struct agent_program *a;
    uint32_t ref;
    wall_t now;
};

/* ---- alerts ---- */

static const char *state_text(enum life_state s)
{
    static const char *const text[] = {[LIFE_OK] = "OK",
                                       [LIFE_PENDING] = "PENDING",
                                       [LIFE_FIRING] = "FIRING",
                                       [LIFE_RECOVERING] = "RECOVERING"};
    return text[s];
}

/* why nothing is told of it, if so */
static void put_held(struct channel *c, const struct engine_alert *v)
{
    struct str text = STR_INIT;
    if (v->acked_by)
        str_printf(&text, "acknowledged by %s%s%s", v->acked_by, v->acked_reason ? ": " : "",
                   v->acked_reason ? v->acked_reason : "");
    if (v->silence)
        str_printf(&text, "%ssilence %llu", text.len ? ", " : "", (unsigned long long)v->silence);
    if (v->behind)
        str_printf(&text, "%sbehind %s", text.len ? ", " : "", v->behind);
    if (v->held)
        str_printf(&text, "%sits parent's probe", text.len ? ", " : "");
    if (v->flapping)
        str_printf(&text, "%sflapping", text.len ? ", " : "");
    if (text.len)
        channel_kv(c, "held", str_text(&text));
    str_fini(&text);
}

static void put_numbers(struct channel *c, const struct evaluation *ev)
{
    channel_kv(c, "condition", cond_text(ev->cond));
    channel_kv(c, "text", ev->text);
    if (ev->has_value) {
        channel_kv_fmt(c, "value", "%.6g", ev->value);
        channel_kv_fmt(c, "limit", "%.6g", ev->limit);
    }
    if (ev->n) {
        channel_kv_int(c, "n", (int64_t)ev->n);
        channel_kv_int(c, "k", (int64_t)ev->k);
    }
}

static void put_told(struct channel *c, const struct engine_alert *v)
{
    struct str text = STR_INIT;
    for (size_t i = 0; i < v->ntold; i++) {
        if (v->told[i].told || v->told[i].on_way)
            str_printf(&text, "%s%s%s", text.len ? "," : "", v->told[i].notifier,
                       v->told[i].on_way ? " (on its way)" : "");
    }
    channel_kv(c, "told", str_text(&text));
    str_fini(&text);
}

static void put_alert(void *obj, const struct engine_alert *v)
{
    struct listing *l = obj;
    struct channel *c = l->a->channel;
    channel_row_begin(c, l->ref);
    channel_kv(c, "name", v->name);
    channel_kv(c, "kind", v->kind);
    channel_kv(c, "type", v->type);
    channel_kv(c, "severity", v->severity);
    channel_kv(c, "state", state_text(v->state));
    if (v->since.ns)
        channel_kv_int(c, "since_ms", (l->now.ns - v->since.ns) / 1000000);
    put_held(c, v);
    put_numbers(c, &v->ev);
    put_told(c, v);
    if (v->program && *v->program)
        channel_kv(c, "program", v->program);
    if (v->fingerprint) {
        channel_kv(c, "certificate", v->certificate);
        channel_kv(c, "fingerprint", v->fingerprint);
    }
    channel_kv(c, "key", v->key);
    channel_kv_int(c, "episodes", v->episodes);
    channel_end(c);
}

void request_alerts(struct agent_program *a, const struct channel_req *rq, char *const *args,
                    size_t n)
{
    struct listing l = {a, rq->ref, wall_now()};
    for (size_t i = 0; i < n; i++) {
        if (engine_alerts(a->engine, args[i], put_alert, &l) == 0) {
            unknown_refuse(a, rq, &family_alert, args[i]);
            return;
        }
    }
    if (n == 0)
        engine_alerts(a->engine, NULL, put_alert, &l);
    channel_ok(a->channel, rq->ref);
}

/* ---- what people say ---- */

/* The arguments of ack and silence: names or matchers, and options. */
struct said {
    const char *names[HAND_ARGS_MAX];
    size_t n;
    const char *by, *reason;
    dur_t span; /* for=; 0: not given */
};

static bool take_option(struct said *s, const char *arg, struct err *e)
{
    if (strncmp(arg, "by=", 3) == 0)
        s->by = arg + 3;
    else if (strncmp(arg, "reason=", 7) == 0)
        s->reason = arg + 7;
    else if (strncmp(arg, "for=", 4) != 0)
        return false;
    else if (dur_parse(arg + 4, &s->span, e) < 0)
        s->span.ns = -1;
    return true;
}

static bool read_said(struct agent_program *a, const struct channel_req *rq, char *const *args,
                      size_t n, struct said *out)
{
    struct err e = {0};
    *out = (struct said){.by = "unknown", .reason = ""};
    for (size_t i = 0; i < n; i++) {
        if (!take_option(out, args[i], &e) && out->n < HAND_ARGS_MAX)
            out->names[out->n++] = args[i];
    }
    if (out->span.ns >= 0 && out->n > 0)
        return true;
    channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, e.msg[0] ? e.msg : "nothing is named");
    return false;
}

static void ignore(void *obj, const struct engine_alert *v)
{
    (void)obj, (void)v;
}

/* False, and answered: one of the names is no alert's. */
static bool all_known(struct agent_program *a, const struct channel_req *rq, const struct said *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (engine_alerts(a->engine, s->names[i], ignore, NULL) > 0)
            continue;
        unknown_refuse(a, rq, &family_alert, s->names[i]);
        return false;
    }
    return true;
}

static wall_t until(dur_t span)
{
    return (wall_t){span.ns ? wall_now().ns + span.ns : 0};
}

void request_ack(struct agent_program *a, const struct channel_req *rq, char *const *args, size_t n)
{
    struct said s;
    struct err e;
    if (!read_said(a, rq, args, n, &s) || !all_known(a, rq, &s))
        return;
    for (size_t i = 0; i < s.n; i++) {
        struct engine_ack_request ack = {s.names[i], s.by, s.reason, until(s.span)};
        if (engine_ack(a->engine, &ack, &e) < 0) {
            channel_error(a->channel, rq->ref, WIRE_FAILED, e.msg);
            return;
        }
    }
    channel_ok(a->channel, rq->ref);
}

void request_unack(struct agent_program *a, const struct channel_req *rq, char *const *args,
                   size_t n)
{
    struct said s;
    struct err e;
    if (!read_said(a, rq, args, n, &s) || !all_known(a, rq, &s))
        return;
    for (size_t i = 0; i < s.n; i++) {
        if (engine_unack(a->engine, s.names[i], &e) < 0) {
            channel_error(a->channel, rq->ref, WIRE_FAILED, e.msg);
            return;
        }
    }
    channel_ok(a->channel, rq->ref);
}

void request_silence(struct agent_program *a, const struct channel_req *rq, char *const *args,
                     size_t n)
{
    struct said s;
    struct err e;
    if (!read_said(a, rq, args, n, &s))
        return;
    struct str_list matchers = {.v = s.names, .n = s.n};
    struct silence_request sr = {.matchers = &matchers,
                                 .author = s.by,
                                 .reason = s.reason,
                                 .end = until(s.span.ns ? s.span : SILENCE_FOR)};
    uint64_t id = engine_silence(a->engine, &sr, &e);
    if (!id) {
        channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, e.msg);
        return;
    }
    channel_ok_begin(a->channel, rq->ref);
    channel_kv_int(a->channel, "id", (int64_t)id);
    channel_end(a->channel);
}

void request_unsilence(struct agent_program *a, const struct channel_req *rq, char *const *args,
                       size_t n)
{
    int64_t id;
    struct err e;
    (void)n;
    if (text_int(args[0], 1, INT64_MAX, &id, &e) < 0)
        channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, e.msg);
    else if (engine_unsilence(a->engine, (uint64_t)id, &e) < 0)
        channel_error(a->channel, rq->ref, WIRE_BAD_NAME, e.msg);
    else
        channel_ok(a->channel, rq->ref);
}

static void put_silence(void *obj, const struct silence *s)
{
    struct listing *l = obj;
    struct channel *c = l->a->channel;
    struct str text = STR_INIT;
    if (s->end.ns <= l->now.ns)
        return;
    silence_print(s, &text);
    channel_row_begin(c, l->ref);
    channel_kv_int(c, "id", (int64_t)s->id);
    channel_kv(c, "matchers", str_text(&text));
    channel_kv_int(c, "ends_ms", (s->end.ns - l->now.ns) / 1000000);
    channel_kv(c, "author", s->author);
    channel_kv(c, "reason", s->reason);
    channel_end(c);
    str_fini(&text);
}

void request_silences(struct agent_program *a, const struct channel_req *rq, char *const *args,
                      size_t n)
{
    struct listing l = {a, rq->ref, wall_now()};
    (void)args, (void)n;
    engine_silences(a->engine, put_silence, &l);
    channel_ok(a->channel, rq->ref);
}
