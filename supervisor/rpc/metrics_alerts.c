/* Alerts, metrics and deliveries as metrics. */
#include "supervisor/base/dur.h"
#include "supervisor/rpc/metrics.h"

#include <string.h>

struct walk {
    struct expo *x;
    int which; /* of the families that one walk writes one after the other */
};

/* ---- alerts ---- */

static void put_alert(void *obj, const struct engine_alert *v)
{
    struct walk *f = obj;
    bool firing = v->state == LIFE_FIRING || v->state == LIFE_RECOVERING;
    /* one that is gone may have the name of one that came: a sample may be there once only */
    if (v->gone || (f->which == 1 && !v->ev.has_value))
        return;
    expo_begin(f->x, "");
    expo_label(f->x, "alert", v->name);
    expo_label(f->x, "kind", v->kind);
    expo_label(f->x, "severity", v->severity);
    if (v->fingerprint) {
        expo_label(f->x, "certificate", v->certificate);
        expo_label(f->x, "fingerprint", v->fingerprint);
    }
    if (f->which == 0)
        expo_int(f->x, firing);
    else
        expo_value(f->x, v->ev.value);
}

static void put_alerts(struct expo *x, const struct agent_program *a, size_t which)
{
    static const char *const names[] = {"supd_alert_firing", "supd_alert_value"};
    static const char *const help[] = {"1 while the alert fires.",
                                       "What the alert's condition measured last."};
    expo_family(x, names[which], EXPO_GAUGE, help[which]);
    engine_alerts(a->engine, NULL, put_alert, &(struct walk){x, (int)which});
}

static void put_states(struct expo *x, const struct agent_program *a)
{
    static const char *const states[] = {"ok", "pending", "firing", "recovering"};
    struct engine_counts n = engine_counts(a->engine);
    expo_family(x, "supd_alerts", EXPO_GAUGE,
                "Configured alerts by state; of certificates each in a stage.");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        expo_begin(x, "");
        expo_label(x, "state", states[i]);
        expo_int(x, (int64_t)n.alerts[i]);
    }
}

static void put_counts(struct expo *x, const struct agent_program *a)
{
    struct engine_counts n = engine_counts(a->engine);
    const struct {
        const char *name, *help;
        enum expo_type type;
        uint64_t v;
    } rows[] = {
        {"supd_alert_evaluations_total", "Evaluations of alerts.", EXPO_COUNTER, n.evaluations},
        {"supd_notices_total", "Notices that were made.", EXPO_COUNTER, n.notices},
        {"supd_notices_dropped_total", "Notices that the full outbox dropped.", EXPO_COUNTER,
         n.dropped},
        {"supd_outbox_rows", "Notices that wait to be delivered.", EXPO_GAUGE, n.waiting},
        {"supd_resolve_debts", "Ends of alerts that are still to be told.", EXPO_GAUGE, n.debts},
        {"supd_alert_storms_total", "Storms of alerts that became one digest.", EXPO_COUNTER,
         n.storms},
        {"supd_store_errors_total", "Records that could not be written.", EXPO_COUNTER,
         n.store_errors},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expo_family(x, rows[i].name, rows[i].type, rows[i].help);
        expo_begin(x, "");
        expo_int(x, (int64_t)rows[i].v);
    }
}

/* ---- notifiers ---- */

static void put_notifier(void *obj, const struct engine_notifier *v)
{
    struct walk *f = obj;
    const uint64_t counts[] = {v->delivered, v->failed, v->lost, v->waiting};
    if (f->which == 4) {
        expo_begin(f->x, "_sum");
        expo_label(f->x, "notifier", v->name);
        expo_value(f->x, v->latency_sum);
    }
    expo_begin(f->x, f->which == 4 ? "_count" : "");
    expo_label(f->x, "notifier", v->name);
    expo_int(f->x, (int64_t)counts[f->which == 4 ? 0 : f->which]);
}

static void put_notifiers(struct expo *x, const struct agent_program *a)
{
    static const struct {
        const char *name, *help;
        enum expo_type type;
    } rows[] = {
        {"supd_notices_delivered_total", "Notices that were delivered.", EXPO_COUNTER},
        {"supd_notice_failures_total", "Attempts that failed.", EXPO_COUNTER},
        {"supd_notices_lost_total", "Notices that never will be delivered.", EXPO_COUNTER},
        {"supd_notices_waiting", "Notices that wait for this notifier.", EXPO_GAUGE},
        {"supd_notice_delivery_seconds", "From the making of a notice to its delivery.",
         EXPO_SUMMARY},
    };
    for (int i = 0; i < (int)(sizeof(rows) / sizeof(rows[0])); i++) {
        expo_family(x, rows[i].name, rows[i].type, rows[i].help);
        engine_notifiers(a->engine, NULL, put_notifier, &(struct walk){x, i});
    }
}

/* ---- metrics ---- */

static void put_window(struct walk *f, const struct engine_metric *m, const struct engine_window *w)
{
    char length[DUR_TEXT];
    double total = w->ok + w->err;
    if (f->which == 2 && total <= 0)
        return;
    expo_begin(f->x, "");
    expo_label(f->x, "metric", m->name);
    expo_label(f->x, "window", dur_format(w->length, length, sizeof(length)));
    expo_value(f->x, f->which == 2 ? w->err / total : w->known);
}

static void put_metric(void *obj, const struct engine_metric *m)
{
    struct walk *f = obj;
    if (f->which >= 2) {
        for (int i = 0; i < ENGINE_WINDOWS; i++)
            put_window(f, m, &m->windows[i]);
        return;
    }
    expo_begin(f->x, "");
    expo_label(f->x, "metric", m->name);
    expo_int(f->x, (int64_t)(f->which == 0 ? m->ok : m->err));
}

static const struct {
    const char *name, *help;
    enum expo_type type;
} windows[] = {
    {"supd_metric_ok_total", "Successes that the metric counted.", EXPO_COUNTER},
    {"supd_metric_errors_total", "Errors that the metric counted.", EXPO_COUNTER},
    {"supd_metric_error_ratio", "Errors over all, over the window.", EXPO_GAUGE},
    {"supd_metric_known_ratio", "The part of the window that is known.", EXPO_GAUGE},
};

static void put_metrics(struct expo *x, const struct agent_program *a, size_t which)
{
    expo_family(x, windows[which].name, windows[which].type, windows[which].help);
    engine_metrics(a->engine, NULL, put_metric, &(struct walk){x, (int)which});
}

enum { STEP_STATES = 2, STEP_COUNTS, STEP_METRICS };

static void put_part(struct expo *x, const struct agent_program *a, size_t step)
{
    if (step < STEP_STATES) {
        put_alerts(x, a, step);
    } else if (step == STEP_STATES) {
        put_states(x, a);
    } else if (step == STEP_COUNTS) {
        put_counts(x, a);
        put_notifiers(x, a);
    } else {
        put_metrics(x, a, step - STEP_METRICS);
    }
}

const struct metrics_part metrics_alerts = {STEP_METRICS + sizeof(windows) / sizeof(windows[0]),
                                            put_part};
