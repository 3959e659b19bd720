/* [alert:N] type=burn: the error budget of an objective (SLO) burns too fast. The multi-window,
 * multi-burn-rate rule of Google's SRE workbook, chapter 5: burn = error rate / (1 - objective); it
 * fires if over a long AND over a short window (1/12 of it) burn is above the row's rate
 *
 *     rate = part of the budget spent × period / long window
 *
 *     period >= 14d   page: 2 % in 1h/5m, 5 % in 6h/30m     ticket: 10 % in 1d/2h, 10 % in 3d/6h
 *     shorter         page: 10 % in 1h/5m, 20 % in 6h/30m   ticket: 40 % in 1d/2h
 *
 * which for 30 days gives 14.4, 6, 3 and 1, and for 7 days 16.8, 5.6 and 2.8. A rate whose errors
 * would have to exceed 100 % could never be reached, and is an error of the configuration. */
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"

#define SEC INT64_C(1000000000)
#define HOUR (3600 * SEC)
static const char *const words_windows[] = {
    [ALERT_PAGE] = "page", [ALERT_TICKET] = "ticket", [ALERT_ALL] = "all", NULL};

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_burn, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("metric", metric, STRING, .def_note = "required", .refers = &family_metric,
      .help = "The metric whose errors count."),
    R("objective", objective, SHARE, .def_note = "required", .lo = 10000, .hi = 999999,
      .aka = "slo target",
      .help = "The share of requests that has to succeed, such as 99.9%; the rest is the budget."),
    R("period", period, DURATION, .def = "30d", .lo = 7 * 24 * HOUR, .hi = 366 * 24 * HOUR,
      .help = "The time that the objective is about."),
    R("windows", windows, WORD, .words = words_windows, .def = "page",
      .help = "page: the fast ones, an hour and six hours long; somebody has to act now. ticket: "
              "the slow ones, a day and three. all: both."),
    R("min_count", min_count, INTEGER, .def = "5", .lo = 1, .hi = 1000000000,
      .aka = "min min_volume minimum",
      .help = "With fewer requests in the short window it does not fire."),
};
OPT_TABLE(rows_alert_burn, rows);

struct pair {
    int64_t length, shorter;
    int percent; /* of the budget */
    bool page;
};
static const struct pair month[] = {{HOUR, HOUR / 12, 2, true},
                                    {6 * HOUR, HOUR / 2, 5, true},
                                    {24 * HOUR, 2 * HOUR, 10, false},
                                    {72 * HOUR, 6 * HOUR, 10, false}};
static const struct pair week[] = {
    {HOUR, HOUR / 12, 10, true}, {6 * HOUR, HOUR / 2, 20, true}, {24 * HOUR, 2 * HOUR, 40, false}};

/* The i-th pair that is asked for, or NULL after the last. */
static const struct pair *pair_at(const struct alert_burn *o, size_t i)
{
    bool is_month = o->period >= 14 * 24 * HOUR;
    const struct pair *p = is_month ? month : week;
    size_t n = is_month ? sizeof(month) / sizeof(month[0]) : sizeof(week) / sizeof(week[0]);
    for (; n; p++, n--) {
        if ((o->windows == ALERT_ALL || p->page == (o->windows == ALERT_PAGE)) && i-- == 0)
            return p;
    }
    return NULL;
}

static double rate_of(const struct alert_burn *o, const struct pair *p)
{
    return p->percent / 100.0 * (double)o->period / (double)p->length;
}

static double budget_of(const struct alert_burn *o)
{
    return (1000000 - o->objective) / 1e6;
}

static void check(struct checker *k)
{
    const struct alert_burn *o = k->item->own;
    check_errors(k, check_metric(k, o->metric, 5 * 60 * SEC), "");
    if (!check_given(k, "objective")) {
        check_fail(k, "objective", "is required for type=burn");
        return;
    }
    const struct pair *p;
    for (size_t i = 0; (p = pair_at(o, i)); i++) {
        char need[RULE_TEXT], least[RULE_TEXT], w[48];
        double rate = rate_of(o, p);
        if (rate * budget_of(o) < 1)
            continue;
        check_fail(k, "objective",
                   "the window of %s fires at %.3g times the budget, which would be %s of all "
                   "requests: it never can; with this period the objective has to be above %s",
                   window_print(p->length, w, sizeof(w)), rate,
                   share_print(rate * budget_of(o), need), share_print(1 - 1 / rate, least));
    }
}

struct test {
    double share; /* of errors */
    double min;
};

static bool fires(const void *obj, double k, double n)
{
    const struct test *t = obj;
    return n >= t->min && n > 0 && k / n > t->share;
}

/* one pair, judged */
struct verdict {
    const struct pair *pair;
    enum cond cond;
    struct window_sum l, s; /* the long window, the short one */
    double burn, rate;
};

static double burn_of(const struct window_sum *s, double budget)
{
    double n = s->ok + s->err;
    return n > 0 ? s->err / n / budget : 0;
}

static struct verdict judge(const struct alert_burn *o, const struct rule_input *in,
                            const struct pair *p)
{
    struct verdict v = {.pair = p,
                        .l = window_sum(in->window, in->now, (dur_t){p->length}),
                        .s = window_sum(in->window, in->now, (dur_t){p->shorter}),
                        .rate = rule_limit(in, rate_of(o, p), NULL)};
    struct test t = {.share = v.rate * budget_of(o), .min = in->firing ? 0 : (double)o->min_count};
    enum cond l = rule_bounds(&v.l, fires, &t), s = rule_bounds(&v.s, fires, &t);
    if (in->firing && v.s.ok + v.s.err <= 0)
        s = COND_UNKNOWN; /* silence is no recovery */
    v.cond = cond_and(l, s);
    v.burn = burn_of(&v.l, budget_of(o));
    return v;
}

/* Whether a slower pair says more than a faster one: by its condition, else by how near it is to
 * its rate; of two that hold the faster one is what matters. */
static bool says_more(const struct verdict *a, const struct verdict *b)
{
    if (a->cond != b->cond)
        return cond_or(a->cond, b->cond) == a->cond;
    return a->cond != COND_TRUE && a->burn / a->rate > b->burn / b->rate;
}

static void explain(const struct alert_burn *o, const struct verdict *v, struct evaluation *out)
{
    char l[48], s[48], k[RULE_TEXT], n[RULE_TEXT];
    evaluation_text(out,
                    "the budget burns %.2g times as fast as it may in the last %s (%s of %s "
                    "failed) and %.2g times in the last %s; limit %.3g%s",
                    v->burn, window_print(v->pair->length, l, sizeof(l)), number_print(v->l.err, k),
                    number_print(v->l.ok + v->l.err, n), burn_of(&v->s, budget_of(o)),
                    window_print(v->pair->shorter, s, sizeof(s)), rate_of(o, v->pair),
                    v->l.unknown.ns ? "; a part of it is not known" : "");
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_burn *o = alert->own;
    *out = (struct evaluation){.unit = UNIT_BURN};
    if (!in->window) {
        evaluation_unknown(out, "the metric is not there");
        return;
    }
    struct verdict most = judge(o, in, pair_at(o, 0));
    for (size_t i = 1; pair_at(o, i); i++) {
        struct verdict v = judge(o, in, pair_at(o, i));
        most = says_more(&v, &most) ? v : most;
    }
    out->cond = most.cond;
    evaluation_count(out, most.l.err, most.l.ok + most.l.err);
    out->has_value = out->n > 0;
    out->value = most.burn;
    out->limit = rate_of(o, most.pair);
    out->clears = in->firing ? most.rate : 0;
    if (!in->no_text)
        explain(o, &most, out);
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_burn *)alert->own)->metric;
}

const struct kind alert_kind_burn = {
    .name = "burn",
    .aka = "slo burn_rate burn-rate",
    .help = "The error budget of an objective burns too fast, over a long and a short window at "
            "once (Google's SRE workbook, chapter 5).",
    .rows = &rows_alert_burn,
    .size = sizeof(struct alert_burn),
    .check = check,
};
const struct rule rule_burn = {.kind = &alert_kind_burn,
                               .clears = true,
                               .subject = SUBJECT_METRIC,
                               .about = about,
                               .evaluate = evaluate};
