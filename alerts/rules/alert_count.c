/* [alert:N] type=count: how many there were over a rolling window. It fires above the limit, and
 * clears at or below the clearing limit. What is not known of the window can only add: TRUE is said
 * on what is known, FALSE only if the known rate of all requests would not reach the limit either.
 */
#include "alerts/rules/metric.h"
#include "alerts/rules/reach.h"
#include "alerts/rules/rule.h"

#define SEC INT64_C(1000000000)
static const char *const words_of[] = {
    [ALERT_OF_OK] = "ok", [ALERT_OF_TOTAL] = "total", [ALERT_OF_ERRORS] = "errors", NULL};

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_count, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("metric", metric, STRING, .def_note = "required", .refers = &family_metric,
      .help = "The metric that is looked at."),
    R("of", of, WORD, .words = words_of, .def = "errors", .help = "What of it is counted."),
    R("over", over, INTEGER, .def = "0", .lo = 0, .hi = 1000000000,
      .aka = "threshold above limit max", .help = "It fires when there are more than so many."),
    R("window", window, DURATION, .def = "5m", .lo = SEC, .hi = 72 * 3600 * SEC,
      .aka = "range period within", .help = "The rolling window that is counted over."),
};
OPT_TABLE(rows_alert_count, rows);

static void check(struct checker *k)
{
    const struct alert_count *o = k->item->own;
    const struct item *m = check_metric(k, o->metric, o->window);
    if (o->of == ALERT_OF_ERRORS)
        check_errors(k, m, "; of=total counts all");
    reach_passes(k, o->window);
}

static double pick(enum alert_of of, double ok, double err)
{
    return of == ALERT_OF_ERRORS ? err : of == ALERT_OF_OK ? ok : ok + err;
}

static enum cond judge(const struct window_sum *s, double value, double limit)
{
    double known = window_known(s), n = s->ok + s->err;
    if (value > limit)
        return COND_TRUE;
    if (!s->unknown.ns)
        return COND_FALSE;
    if (known <= 0 || (n <= 0 && known < 0.5))
        return COND_UNKNOWN;
    return value + window_missing(s, n) > limit ? COND_UNKNOWN : COND_FALSE;
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_count *o = alert->own;
    *out = (struct evaluation){.unit = UNIT_COUNT, .limit = (double)o->over};
    if (!in->window) {
        evaluation_unknown(out, "the metric is not there");
        return;
    }
    struct window_sum s = window_sum(in->window, in->now, (dur_t){o->window});
    char value[RULE_TEXT], limit[RULE_TEXT], w[48];
    evaluation_count(out, s.err, s.ok + s.err);
    out->value = pick(o->of, s.ok, s.err);
    out->has_value = true;
    out->cond = judge(&s, out->value, rule_limit(in, out->limit, out));
    evaluation_text(out, "%s %s in the last %s, limit %s%s", number_print(out->value, value),
                    words_of[o->of], window_print(o->window, w, sizeof(w)),
                    number_print(out->limit, limit),
                    s.unknown.ns ? "; a part of it is not known" : "");
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_count *)alert->own)->metric;
}

const struct kind alert_kind_count = {
    .name = "count",
    .aka = "threshold number counter",
    .help = "Something happened too often.",
    .rows = &rows_alert_count,
    .size = sizeof(struct alert_count),
    .check = check,
};
const struct rule rule_count = {.kind = &alert_kind_count,
                                .clears = true,
                                .subject = SUBJECT_METRIC,
                                .about = about,
                                .evaluate = evaluate};
