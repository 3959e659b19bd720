/* [alert:N] type=absent: something that should happen did not for so long. It fires when the last
 * success (or line, or sample) is at least the window ago, and clears with the next one; before the
 * first one the time counts from the metric's birth. If samples were lost in the window, or a
 * part of it is not known, it may have happened there: UNKNOWN. */
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"

#define SEC INT64_C(1000000000)
/* errors alone are nothing to wait for */
static const char *const words_of[] = {[ALERT_OF_OK] = "ok", [ALERT_OF_TOTAL] = "total", NULL};

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_absent, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("metric", metric, STRING, .def_note = "required", .refers = &family_metric,
      .help = "The metric that is looked at."),
    R("of", of, WORD, .words = words_of, .def = "ok",
      .help = "What is missing: a success, or anything at all."),
    R("window", window, DURATION, .def = "15m", .lo = SEC, .hi = 72 * 3600 * SEC,
      .aka = "after age older_than within period",
      .help = "It fires when there was none for so long."),
};
OPT_TABLE(rows_alert_absent, rows);

static void check(struct checker *k)
{
    const struct alert_absent *o = k->item->own;
    check_metric(k, o->metric, o->window);
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_absent *o = alert->own;
    *out = (struct evaluation){.unit = UNIT_SECONDS, .limit = (double)o->window / 1e9};
    if (!in->window) {
        evaluation_unknown(out, "the metric is not there");
        return;
    }
    struct window_sum s = window_sum(in->window, in->now, (dur_t){o->window});
    dur_t ok = window_since_ok(in->window, in->now), err = window_since_err(in->window, in->now);
    dur_t quiet = o->of == ALERT_OF_TOTAL && err.ns < ok.ns ? err : ok;
    char buf[48], w[48];
    evaluation_count(out, s.err, s.ok + s.err);
    out->value = (double)quiet.ns / 1e9;
    out->has_value = true;
    if (quiet.ns < o->window)
        out->cond = COND_FALSE;
    else
        out->cond = s.lost > 0 || s.unknown.ns > 0 ? COND_UNKNOWN : COND_TRUE;
    bool never = quiet.ns == window_age(in->window, in->now).ns;
    evaluation_text(out,
                    never ? "there was no %s so far, for %s, limit %s%s"
                          : "the last %s was %s ago, limit %s%s",
                    o->of == ALERT_OF_TOTAL ? "sample" : "success",
                    window_print(quiet.ns, buf, sizeof(buf)), window_print(o->window, w, sizeof(w)),
                    out->cond == COND_UNKNOWN ? "; a part of that time is not known" : "");
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_absent *)alert->own)->metric;
}

const struct kind alert_kind_absent = {
    .name = "absent",
    .aka = "absence missing heartbeat deadman nodata stale",
    .help = "What should happen has not happened for too long.",
    .rows = &rows_alert_absent,
    .size = sizeof(struct alert_absent),
    .check = check,
};
const struct rule rule_absent = {
    .kind = &alert_kind_absent, .subject = SUBJECT_METRIC, .about = about, .evaluate = evaluate};
