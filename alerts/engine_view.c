/* What the engine shows: alerts, silences, metrics, notifiers, counts. */
#include "alerts/engine_impl.h"

#include <string.h>

/* ---- alerts ---- */

static const char *const kinds[ALERT_ORIGINS] = {[FROM_CONF] = "alert",
                                                 [FROM_NODATA] = "nodata",
                                                 [FROM_CHANNEL] = "notifier",
                                                 [FROM_STORM] = "storm",
                                                 [FROM_CERT] = "alert"};

static size_t told_list(struct engine *e, const struct alert *a, struct engine_told *out)
{
    size_t n = 0;
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        const struct life_channel *l = &a->life.ch[i];
        const struct channel *c = l->id ? engine_channel(e, l->id) : NULL;
        if (c)
            out[n++] = (struct engine_told){c->name, life_told(&a->life, l->id), l->on_way != 0};
    }
    return n;
}

/* The numbers of now, also of one that is OK and whose text was not asked for. */
static void fresh(struct engine *e, struct alert *a)
{
    if (alert_judged(a) && e->ready)
        eval_judge(e, a, true, &a->ev);
}

static wall_t since_of(const struct alert *a)
{
    return a->life.state == LIFE_OK ? a->life.resolved : a->life.since;
}

static void show_alert(struct engine *e, struct alert *a, engine_alert_fn *fn, void *obj)
{
    struct engine_told told[LIFE_CHANNELS];
    fresh(e, a);
    struct engine_alert v = {.name = a->name,
                             .type = a->item ? a->item->kind->name : "",
                             .severity = severity_name(a->severity),
                             .program = a->program,
                             .key = a->key,
                             .kind = kinds[a->origin],
                             .certificate = a->cert ? a->cert->subject : NULL,
                             .fingerprint = a->cert ? a->cert->fingerprint : NULL,
                             .gone = !a->known,
                             .state = (enum life_state)a->life.state,
                             .cond = a->ev.cond,
                             .since = engine_shown(e, since_of(a)),
                             .ev = a->ev,
                             .acked_by = a->life.acked ? a->life.acked_by : NULL,
                             .acked_until = engine_shown(e, a->life.acked_until),
                             .silence = a->life.silence,
                             .behind = gate_inhibitor_name(e, a->life.inhibitor),
                             .held = a->life.hold.ns > engine_now(e).ns,
                             .flapping = a->life.flap.on,
                             .next = engine_shown(e, wall_min(a->next_eval, a->due)),
                             .episodes = a->life.episode,
                             .told = told,
                             .ntold = told_list(e, a, told)};
    fn(obj, &v);
}

static bool is_shown(const struct engine *e, const struct alert *a)
{
    if (a->origin == FROM_CONF)
        return !certs_speak(e, a);
    return a->life.state != LIFE_OK || life_debts(&a->life);
}

size_t engine_alerts(struct engine *e, const char *name, engine_alert_fn *fn, void *obj)
{
    size_t n = 0;
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        if (!is_shown(e, a) || (name && strcmp(a->name, name) != 0))
            continue;
        show_alert(e, a, fn, obj);
        n++;
    }
    return n;
}

/* ---- silences ---- */

void engine_silences(struct engine *e, engine_silence_fn *fn, void *obj)
{
    VEC_EACH (&e->silences.list, i) {
        struct silence s = e->silences.list.v[i];
        s.start = engine_shown(e, s.start);
        s.end = engine_shown(e, s.end);
        fn(obj, &s);
    }
}

/* ---- metrics ---- */

static void percentiles(const struct metric *m, mono_t now, struct engine_window *w)
{
    struct hist *h = mem_zalloc(sizeof(*h));
    timers_sum(m->timers, now, w->length, h);
    w->has_percentiles = h->n > 0;
    w->p50 = hist_quantile(h, 500000);
    w->p95 = hist_quantile(h, 950000);
    w->p99 = hist_quantile(h, 990000);
    free(h);
}

static struct engine_window window_view(const struct metric *m, mono_t now, dur_t length)
{
    struct window_sum s = window_sum(m->window, now, length);
    struct engine_window w = {
        .length = length, .ok = s.ok, .err = s.err, .known = window_known(&s)};
    if (m->timers && length.ns <= TIMERS_MAX.ns)
        percentiles(m, now, &w);
    return w;
}

static void show_metric(const struct engine *e, const struct metric *m, engine_metric_fn *fn,
                        void *obj)
{
    static const int seconds[ENGINE_WINDOWS] = {60, 300, 3600, 6 * 3600, 72 * 3600};
    struct engine_metric v = {.name = m->name,
                              .type = m->item->kind->name,
                              .evidence = m->evidence,
                              .ok = m->ok,
                              .err = m->err};
    for (size_t i = 0; i < ENGINE_WINDOWS; i++)
        v.windows[i] = window_view(m, loop_now(e->loop), DUR_S(seconds[i]));
    fn(obj, &v);
}

size_t engine_metrics(struct engine *e, const char *name, engine_metric_fn *fn, void *obj)
{
    const struct metric *m;
    size_t n = 0;
    for (size_t i = 0; (m = feed_at(e->feed, i)); i++) {
        if (m->item->family != &family_metric || (name && strcmp(m->name, name) != 0))
            continue;
        show_metric(e, m, fn, obj);
        n++;
    }
    return n;
}

/* ---- notifiers ---- */

static uint64_t waiting(const struct engine *e, uint32_t channel)
{
    uint64_t n = 0;
    VEC_EACH (&e->outbox.rows, i)
        n += e->outbox.rows.v[i].channel == channel;
    return n;
}

static void show_notifier(const struct engine *e, const struct channel *c, engine_notifier_fn *fn,
                          void *obj)
{
    struct engine_notifier v = {.name = c->name,
                                .type = c->item->kind->name,
                                .refused = c->refusal && life_firing(&c->refusal->life),
                                .delivered = c->delivered,
                                .failed = c->failed,
                                .lost = c->lost,
                                .waiting = waiting(e, c->id),
                                .last_error = c->last_error,
                                .last_error_at = c->last_error_at,
                                .last_ok_at = c->last_ok_at,
                                .latency_sum = c->latency_sum};
    fn(obj, &v);
}

size_t engine_notifiers(struct engine *e, const char *name, engine_notifier_fn *fn, void *obj)
{
    struct channel *c, *next;
    size_t n = 0;
    HASH_ITER(hh, e->channels, c, next)
    {
        if (!c->item || (name && strcmp(c->name, name) != 0))
            continue;
        show_notifier(e, c, fn, obj);
        n++;
    }
    return n;
}

/* ---- counts ---- */

struct engine_counts engine_counts(const struct engine *e)
{
    struct engine_counts c = e->counts;
    VEC_EACH (&e->order, i) {
        const struct alert *a = e->order.v[i];
        bool counts = a->origin == FROM_CONF || a->origin == FROM_CERT;
        if (counts && a->known && is_shown(e, a))
            c.alerts[a->life.state]++;
        c.debts += life_debts(&a->life);
    }
    c.waiting = e->outbox.rows.n;
    c.storm = e->storm.on;
    return c;
}
