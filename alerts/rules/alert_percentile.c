/* [alert:N] type=percentile: a timer's percentile over a rolling window (hist.h: exact to 1 %).
 *
 * A percentile of few samples is one sample's accident: with at least min_count of them, by default
 * 10 / (1 - q), the percentile itself is compared. With fewer the same question is put as a share:
 * the 95th percentile is above the limit if more than 5 % of the requests took longer, and it fires
 * when Wilson's lower bound (wilson.h) of that share is above 5 %, from 5 samples on. */
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/wilson.h"

#define SEC INT64_C(1000000000)
enum { FEWEST = 5 };

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_percentile, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT,           \
        __VA_ARGS__)
static const struct opt rows[] = {
    R("metric", metric, STRING, .def_note = "required", .refers = &family_metric,
      .help = "A metric of type=timer."),
    R("percentile", percentile, SHARE, .def = "95%", .lo = 10000, .hi = 999900, .aka = "quantile p",
      .help = "Which percentile is looked at."),
    R("over", over, DURATION, .def_note = "required", .lo = 1000, .hi = 3600 * SEC,
      .aka = "threshold above limit max", .help = "It fires when the percentile is longer."),
    R("window", window, DURATION, .def = "5m", .lo = SEC, .hi = 6 * 3600 * SEC,
      .aka = "range period within",
      .help = "The rolling window that the percentile is taken over."),
    R("min_count", min_count, INTEGER, .lo = 5, .hi = 1000000000,
      .def_note = "10 divided by the share above the percentile: 200 for 95%, 1000 for 99%",
      .aka = "min min_volume minimum min_requests min_samples volume",
      .help = "With fewer requests in the window it fires only if so many of them were slow that "
              "it can hardly be chance."),
};
OPT_TABLE(rows_alert_percentile, rows);

static void check(struct checker *k)
{
    struct alert_percentile *o = k->item->own;
    const struct item *m = check_metric(k, o->metric, o->window);
    if (m && m->kind != &metric_kind_timer)
        check_fail(k, "metric", "%s is of type=%s; percentiles need a timer", o->metric,
                   m->kind->name);
    if (!check_given(k, "over"))
        check_fail(k, "over", "is required for type=percentile");
    if (check_bare_number(k, "over") && o->over >= SEC)
        check_warn(k, "over", "a number without a unit is seconds; write 300ms or 3s");
    if (!check_given(k, "min_count"))
        o->min_count = 10 * 1000000 / (1000000 - o->percentile);
}

struct test {
    const struct hist *h;
    double slow, share; /* samples above the limit; the share that may be */
    double enough;
    bool firing, above; /* above: the percentile is, judged by enough samples */
};

/* whether so many slow ones of n are too many */
static bool fires(const struct test *t, double slow, double n)
{
    if (n >= t->enough || t->firing)
        return n > 0 && slow / n > t->share;
    return n >= FEWEST && wilson_low(slow, n) > t->share;
}

static enum cond judge(const struct window_sum *s, const struct test *t)
{
    double n = (double)t->h->n, known = window_known(s);
    if (!s->unknown.ns)
        return (n >= t->enough ? t->above : fires(t, t->slow, n)) ? COND_TRUE : COND_FALSE;
    if (known <= 0 || (n <= 0 && known < 0.5))
        return COND_UNKNOWN;
    double missing = window_missing(s, n);
    if (fires(t, t->slow, n + missing))
        return COND_TRUE;
    return fires(t, t->slow + missing, n + missing) ? COND_UNKNOWN : COND_FALSE;
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_percentile *o = alert->own;
    *out = (struct evaluation){.unit = UNIT_SECONDS, .limit = (double)o->over / 1e9};
    double limit = rule_limit(in, out->limit, out) * 1e9;
    if (!in->window || !in->timers) {
        evaluation_unknown(out, "the metric is not there");
        return;
    }
    struct hist h;
    timers_sum(in->timers, in->now, (dur_t){o->window}, &h);
    struct window_sum s = window_sum(in->window, in->now, (dur_t){o->window});
    int64_t value = hist_quantile(&h, o->percentile);
    struct test t = {.h = &h,
                     .slow = (double)hist_above(&h, (int64_t)limit),
                     .share = (1000000 - o->percentile) / 1e6,
                     .enough = (double)o->min_count,
                     .firing = in->firing,
                     .above = (double)value > limit};
    char share[RULE_TEXT], n[RULE_TEXT], k[RULE_TEXT], w[48];
    double slow = (double)hist_above(&h, o->over);
    evaluation_count(out, slow, (double)h.n);
    out->value = (double)value / 1e9;
    out->has_value = h.n > 0;
    out->cond = judge(&s, &t);
    if (in->firing && !h.n)
        out->cond = COND_UNKNOWN; /* silence is no recovery */
    evaluation_text(out,
                    "p%.4g is %.3g ms over %s requests in the last %s, %s of them (%s) took "
                    "longer than %.4g ms",
                    o->percentile / 1e4, (double)value / 1e6, number_print((double)h.n, n),
                    window_print(o->window, w, sizeof(w)), number_print(slow, k),
                    share_print(h.n ? slow / (double)h.n : 0, share), (double)o->over / 1e6);
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_percentile *)alert->own)->metric;
}

const struct kind alert_kind_percentile = {
    .name = "percentile",
    .aka = "latency quantile p50 p90 p95 p99 timer",
    .help = "Requests take too long.",
    .rows = &rows_alert_percentile,
    .size = sizeof(struct alert_percentile),
    .check = check,
};
const struct rule rule_percentile = {.kind = &alert_kind_percentile,
                                     .clears = true,
                                     .subject = SUBJECT_METRIC,
                                     .about = about,
                                     .evaluate = evaluate};
