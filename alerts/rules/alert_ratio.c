/* [alert:N] type=ratio: the share of errors over a rolling window.
 *
 * method=wilson fires when the lower bound of Wilson's 95 % interval (wilson.h) lies above the
 * limit: when the errors cannot be explained by chance at a rate below it. Simulated for a service
 * with 1 % errors and a limit of 5 %, this pages falsely 0 to 17 times a week where the plain
 * quotient does so 180 times (tests/unit/test_rules_simulation.c). Below min_count requests (4) it
 * does not fire. method=plain compares the quotient itself.
 *
 * Both clear when the quotient itself is at most the clearing limit. While it fires, a window
 * without any request is UNKNOWN: silence is no recovery. */
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/wilson.h"

#define SEC INT64_C(1000000000)
static const char *const words_method[] = {
    [ALERT_WILSON] = "wilson", [ALERT_PLAIN] = "plain", NULL};

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_ratio, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("metric", metric, STRING, .def_note = "required", .refers = &family_metric,
      .help = "The metric whose errors count."),
    R("over", over, SHARE, .def = "5%", .lo = 1, .hi = 999999,
      .aka = "threshold above limit max ratio",
      .help = "The share of errors above which it fires."),
    R("window", window, DURATION, .def = "5m", .lo = SEC, .hi = 72 * 3600 * SEC,
      .aka = "range period within", .help = "The rolling window that the share is taken over."),
    R("method", method, WORD, .words = words_method, .def = "wilson",
      .help = "wilson: it fires when the errors seen can hardly be chance (the lower bound of "
              "Wilson's 95 % interval is above the limit), which suits busy and quiet services "
              "alike. plain: when the quotient is above the limit, whatever the traffic."),
    R("min_count", min_count, INTEGER, .lo = 1, .hi = 1000000000,
      .def_note = "4 with wilson, 1 with plain",
      .aka = "min min_volume minimum min_requests min_samples volume",
      .help = "With fewer requests in the window it does not fire."),
};
OPT_TABLE(rows_alert_ratio, rows);

static void check(struct checker *k)
{
    struct alert_ratio *o = k->item->own;
    check_errors(k, check_metric(k, o->metric, o->window), "");
    if (!check_given(k, "min_count"))
        o->min_count = o->method == ALERT_WILSON ? 4 : 1;
}

struct test {
    const struct alert_ratio *o;
    double limit;
    bool firing;
};

static bool fires(const void *obj, double k, double n)
{
    const struct test *t = obj;
    if (t->firing)
        return n > 0 && k / n > t->limit;
    if (n < (double)t->o->min_count)
        return false;
    return (t->o->method == ALERT_WILSON ? wilson_low(k, n) : k / n) > t->limit;
}

static void explain(const struct alert_ratio *o, const struct window_sum *s, struct evaluation *out)
{
    char k[RULE_TEXT], n[RULE_TEXT], share[RULE_TEXT], low[RULE_TEXT], limit[RULE_TEXT], w[48];
    char dark[48];
    double total = s->ok + s->err;
    window_print(o->window, w, sizeof(w));
    window_print(s->unknown.ns, dark, sizeof(dark));
    if (total <= 0) {
        evaluation_text(out, "no requests in the last %s", w);
        return;
    }
    evaluation_text(
        out, "%s of %s requests failed in the last %s: %s, surely above %s; limit %s%s%s",
        number_print(s->err, k), number_print(total, n), w, share_print(out->value, share),
        share_print(wilson_low(s->err, total), low), share_print(out->limit, limit),
        s->unknown.ns ? "; not known: " : "", s->unknown.ns ? dark : "");
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_ratio *o = alert->own;
    *out = (struct evaluation){.unit = UNIT_SHARE, .limit = o->over / 1e6};
    if (!in->window) {
        evaluation_unknown(out, "the metric is not there");
        return;
    }
    struct window_sum s = window_sum(in->window, in->now, (dur_t){o->window});
    struct test t = {.o = o, .limit = rule_limit(in, out->limit, out), .firing = in->firing};
    double n = s.ok + s.err;
    evaluation_count(out, s.err, n);
    out->has_value = n > 0;
    out->value = n > 0 ? s.err / n : 0;
    out->cond = rule_bounds(&s, fires, &t);
    if (in->firing && n <= 0)
        out->cond = COND_UNKNOWN;
    if (!in->no_text)
        explain(o, &s, out);
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_ratio *)alert->own)->metric;
}

const struct kind alert_kind_ratio = {
    .name = "ratio",
    .aka = "error_rate rate errors percentage error-rate",
    .help = "Too large a share of requests fails.",
    .rows = &rows_alert_ratio,
    .size = sizeof(struct alert_ratio),
    .check = check,
};
const struct rule rule_ratio = {.kind = &alert_kind_ratio,
                                .clears = true,
                                .subject = SUBJECT_METRIC,
                                .about = about,
                                .evaluate = evaluate};
