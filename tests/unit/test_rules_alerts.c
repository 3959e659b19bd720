/* The rules of alerts: options as written in a file, windows as fed, TRUE, FALSE or UNKNOWN. */
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/wilson.h"

#include "conf_text.h"
#include "unit.h"

#define SEC INT64_C(1000000000)
#define BASE                                                                                       \
    "[supervisord]\n[program:w]\ncommand=w\n[metric:m]\ntype=lines\nprogram=w\nerrors=ERR\n"       \
    "[metric:t]\ntype=timer\ntimer=lat\nover=300ms\n"

static struct conf *conf;
static const struct item *alert;

/* the alert of the text; the window's birth is at 1 s */
static const struct rule *load(const char *section)
{
    char text[4096];
    snprintf(text, sizeof(text), BASE "[alert:a]\n%s", section);
    conf = load_text(text);
    if (conf_nerrors(conf))
        fail_msg("%s", conf_error(conf, 0));
    VEC_EACH (&conf->items, i) {
        if (conf->items.v[i]->family == &family_alert)
            alert = conf->items.v[i];
    }
    const struct rule *r = rule_of(alert->kind);
    assert_non_null(r);
    return r;
}

static struct rule_input begin(void)
{
    return (struct rule_input){.now = {SEC}, .window = window_new(DUR_S(1), (mono_t){SEC})};
}

static void end(struct rule_input *in)
{
    window_free(&in->window);
    timers_free(&in->timers);
    conf_free(&conf);
}

static void feed(struct rule_input *in, int64_t seconds, uint32_t ok, uint32_t err)
{
    for (int64_t i = 0; i < seconds; i++) {
        in->now.ns += SEC;
        window_add(in->window, in->now, ok, err);
    }
}

static struct evaluation eval(const struct rule *r, struct rule_input *in, bool firing)
{
    struct evaluation ev;
    in->firing = firing;
    r->evaluate(alert, in, &ev);
    return ev;
}

#define assert_cond(ev, want)                                                                      \
    do {                                                                                           \
        if ((ev).cond != (want))                                                                   \
            fail_msg("%s, not %s: %s", cond_text((ev).cond), cond_text(want), (ev).text);          \
    } while (0)

static void test_wilson(void **state)
{
    (void)state;
    static const struct {
        double k, n, low, high;
    } known[] = {/* with 40 digits, by Python's decimal */
                 {0, 10, 0, 0.277540168766645},
                 {2, 10, 0.056680947981, 0.509843153279},
                 {10, 10, 0.722459831233, 1},
                 {5, 100, 0.021543361456, 0.111751965272},
                 {50, 1000, 0.038130072643, 0.065314136084},
                 {1, 1, 0.206543291474, 1},
                 {4, 4, 0.510099979596, 1},
                 {1, 100000, 0.000001765202, 0.000056648554},
                 {3.5, 61.25, 0.021127390654, 0.145431735255},
                 {4000000, 80000000, 0.049952262313, 0.050047780905},
                 {0, 0, 0, 1}};
    for (size_t i = 0; i < COUNT(known); i++) {
        double low = wilson_low(known[i].k, known[i].n) - known[i].low;
        double high = wilson_high(known[i].k, known[i].n) - known[i].high;
        assert_true(low < 1e-12 && low > -1e-12 && high < 1e-12 && high > -1e-12);
    }
}

static void test_ratio(void **state)
{
    (void)state;
    const struct rule *r = load("type=ratio\nmetric=m\nover=5%\nwindow=1m\n");
    struct rule_input in = begin();
    assert_int_equal(r->subject, SUBJECT_METRIC);
    assert_string_equal(r->about(alert), "m");
    assert_cond(eval(r, &in, false), COND_FALSE);
    assert_cond(eval(r, &in, true), COND_UNKNOWN); /* silence is no recovery */
    feed(&in, 60, 9, 1);                           /* 10 % */
    struct evaluation ev = eval(r, &in, false);
    assert_cond(ev, COND_TRUE);
    assert_string_equal(ev.text,
                        "60 of 600 requests failed in the last 1m: 10%, surely above 7.8%; "
                        "limit 5.0%");
    assert_true(ev.n == 600 && ev.k == 60 && ev.value == 0.1 && ev.unit == UNIT_SHARE);
    feed(&in, 60, 200, 9); /* 4.3 %: between the limits, it stays as it is */
    assert_cond(eval(r, &in, false), COND_FALSE);
    ev = eval(r, &in, true);
    assert_cond(ev, COND_TRUE);
    assert_true(ev.limit == 0.05 && ev.clears > 0.0399 && ev.clears < 0.0401);
    assert_non_null(strstr(ev.text, "; limit 5.0%"));
    in.clear = 900;
    assert_cond(eval(r, &in, true), COND_FALSE);
    in.clear = 0;
    feed(&in, 60, 200, 2);
    assert_cond(eval(r, &in, true), COND_FALSE);
    end(&in);
    r = load("type=ratio\nmetric=m\nover=5%\nwindow=1m\n"); /* three errors of three say little */
    in = begin();
    feed(&in, 3, 0, 1);
    assert_cond(eval(r, &in, false), COND_FALSE);
    feed(&in, 1, 0, 1);
    assert_cond(eval(r, &in, false), COND_TRUE);
    end(&in);
    r = load("type=ratio\nmetric=m\nover=50%\nwindow=1m\nmethod=plain\nmin_count=3\n");
    in = begin();
    feed(&in, 2, 0, 1);
    assert_cond(eval(r, &in, false), COND_FALSE);
    feed(&in, 1, 0, 1);
    assert_cond(eval(r, &in, false), COND_TRUE);
    in.window = (window_free(&in.window), NULL);
    assert_cond(eval(r, &in, false), COND_UNKNOWN);
    end(&in);
}

/* what is not known is judged by its bounds */
static void test_unknown(void **state)
{
    (void)state;
    const struct rule *r = load("type=ratio\nmetric=m\nover=5%\nwindow=1m\n");
    struct rule_input in = begin();
    feed(&in, 30, 10, 0);
    mono_t from = in.now;
    in.now.ns += 30 * SEC;
    window_dark(in.window, from, in.now);
    assert_cond(eval(r, &in, false), COND_UNKNOWN); /* half of it may have been errors */
    feed(&in, 10, 0, 20);
    assert_cond(eval(r, &in, false), COND_TRUE); /* were the rest all successes, it would hold */
    feed(&in, 60, 100, 0);
    assert_cond(eval(r, &in, true), COND_FALSE);
    from = in.now;
    in.now.ns += 70 * SEC;
    window_dark(in.window, from, in.now);
    assert_cond(eval(r, &in, false), COND_UNKNOWN);
    assert_cond(eval(r, &in, true), COND_UNKNOWN);
    end(&in);
    r = load("type=ratio\nmetric=m\nover=5%\nwindow=1m\n");
    in = begin();
    in.now.ns += 60 * SEC;
    window_dark(in.window, (mono_t){in.now.ns - 29 * SEC}, in.now);
    assert_cond(eval(r, &in, false), COND_FALSE); /* for most of it nobody came */
    window_dark(in.window, (mono_t){in.now.ns - 31 * SEC}, in.now);
    assert_cond(eval(r, &in, false), COND_UNKNOWN);
    end(&in);
}

/* A second in which far more was lost than came in all of the others: a rate would not show it. */
static void test_lost(void **state)
{
    (void)state;
    static const struct {
        const char *section;
        double few; /* so many change nothing */
    } rows[] = {{"type=ratio\nmetric=m\nover=50%\nwindow=1m\n", 300},
                {"type=count\nmetric=m\nover=1000\nwindow=1m\n", 900},
                {"type=percentile\nmetric=t\nover=300ms\nwindow=1m\n", 10},
                {"type=burn\nmetric=m\nobjective=95%\nwindows=page\n", 50},
                {"type=absent\nmetric=m\nwindow=10m\n", 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct rule *r = load(rows[i].section);
        struct rule_input in = begin();
        bool absent = r == &rule_absent;
        in.timers = timers_new(DUR_S(1), in.now);
        feed(&in, 58, 10, 0);
        timers_add(in.timers, in.now, 10000000, 580);
        in.now.ns += SEC;
        if (rows[i].few > 0)
            window_lost(in.window, (mono_t){in.now.ns - SEC}, in.now, rows[i].few);
        in.now.ns += absent ? 640 * SEC : SEC;
        assert_cond(eval(r, &in, false), absent ? COND_TRUE : COND_FALSE);
        window_lost(in.window, (mono_t){in.now.ns - SEC}, in.now, 100000);
        assert_cond(eval(r, &in, false), COND_UNKNOWN);
        end(&in);
    }
}

static void test_burn(void **state)
{
    (void)state;
    const struct rule *r = load("type=burn\nmetric=m\nobjective=99%\nwindows=page\n");
    struct rule_input in = begin();
    feed(&in, 3 * 3600, 100, 1); /* as much as the budget: 1, which is no more than 1 */
    assert_cond(eval(r, &in, false), COND_FALSE);
    feed(&in, 1300, 40, 60); /* 20 of 60 minutes at 60 % */
    struct evaluation ev = eval(r, &in, false);
    assert_cond(ev, COND_TRUE);
    assert_true(ev.limit > 14.3 && ev.limit < 14.5 && ev.value > 14.4 && ev.unit == UNIT_BURN);
    feed(&in, 60, 100, 0);
    assert_cond(eval(r, &in, true), COND_TRUE);
    feed(&in, 3 * 3600, 100, 0); /* the short windows let go of it */
    assert_cond(eval(r, &in, true), COND_FALSE);
    in.now.ns += 3 * 3600 * SEC;
    assert_cond(eval(r, &in, false), COND_FALSE);
    end(&in);
    r = load("type=burn\nmetric=m\nobjective=99%\nwindows=page\n");
    in = begin();
    feed(&in, 4, 0, 1);
    assert_cond(eval(r, &in, false), COND_FALSE); /* min_count */
    feed(&in, 1, 0, 1);
    assert_cond(eval(r, &in, false), COND_TRUE);
    in.now.ns += 3 * 3600 * SEC; /* nobody came: no recovery, as far as the long windows know */
    assert_cond(eval(r, &in, false), COND_FALSE);
    assert_cond(eval(r, &in, true), COND_UNKNOWN);
    end(&in);
}

static void feed_long(struct rule_input *in, double hours, uint32_t ok, uint32_t err)
{
    for (int64_t i = 0; i < (int64_t)(hours * 360); i++) {
        in->now.ns += 10 * SEC;
        window_add(in->window, in->now, ok, err);
    }
}

/* Every pair of the workbook's table: the rate just above and just below, in the long window; and
 * the short window, which lets go just when its share falls below. */
static void test_burn_table(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        double clean, hours;   /* without errors, then with so many */
        uint32_t before;       /* requests each 10 s while there were no errors */
        uint32_t above, below; /* of 10,000: burn is a hundredth, the objective is 99 % */
        double rest, over;     /* after many errors: hours until the short window is over */
    } rows[] = {{"period=30d\nwindows=page\n", 72, 1, 10000, 1450, 1430, 4 / 60.0, 5 / 60.0},
                {"period=30d\nwindows=page\n", 0, 6, 0, 605, 595, 25 / 60.0, 30 / 60.0},
                {"period=30d\nwindows=ticket\n", 72, 24, 100000, 305, 295, 0, 0},
                {"period=30d\nwindows=ticket\n", 0, 72, 0, 102, 98, 5.5, 6},
                {"period=7d\nwindows=page\n", 72, 1, 10000, 1690, 1670, 3 / 60.0, 5 / 60.0},
                {"period=7d\nwindows=page\n", 0, 6, 0, 565, 555, 25 / 60.0, 30 / 60.0},
                {"period=7d\nwindows=ticket\n", 0, 24, 0, 285, 275, 1.5, 2}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char section[200];
        snprintf(section, sizeof(section), "type=burn\nmetric=m\nobjective=99%%%%\n%s",
                 rows[i].options);
        for (int above = 0; above < 2; above++) {
            const struct rule *r = load(section);
            struct rule_input in = begin();
            uint32_t err = above ? rows[i].above : rows[i].below;
            feed_long(&in, rows[i].clean, rows[i].before, 0);
            feed_long(&in, rows[i].hours, 10000 - err, err);
            struct evaluation ev = eval(r, &in, false);
            if (ev.cond != (above ? COND_TRUE : COND_FALSE))
                fail_msg("row %zu, %s: %s", i, above ? "above" : "below", ev.text);
            end(&in);
        }
        if (rows[i].over <= 0)
            continue;
        const struct rule *r = load(section);
        struct rule_input in = begin();
        feed_long(&in, rows[i].clean, 100000, 0);
        feed_long(&in, rows[i].hours, 2000, 8000);
        feed_long(&in, rows[i].rest, 10000, 0);
        assert_cond(eval(r, &in, false), COND_TRUE);
        feed_long(&in, rows[i].over - rows[i].rest, 10000, 0);
        struct evaluation ev = eval(r, &in, false);
        if (ev.cond != COND_FALSE)
            fail_msg("row %zu, after its short window: %s", i, ev.text);
        end(&in);
    }
}

static void test_count(void **state)
{
    (void)state;
    const struct rule *r = load("type=count\nmetric=m\nover=10\nwindow=1m\n");
    struct rule_input in = begin();
    feed(&in, 10, 5, 1);
    assert_cond(eval(r, &in, false), COND_FALSE);
    feed(&in, 1, 5, 1);
    struct evaluation ev = eval(r, &in, false);
    assert_cond(ev, COND_TRUE);
    assert_string_equal(ev.text, "11 errors in the last 1m, limit 10");
    in.now.ns += 51 * SEC; /* two of them are too old */
    assert_cond(eval(r, &in, true), COND_TRUE);
    in.now.ns += 2 * SEC;
    assert_cond(eval(r, &in, true), COND_FALSE);
    mono_t from = in.now;
    in.now.ns += 40 * SEC;
    window_dark(in.window, from, in.now);
    assert_cond(eval(r, &in, false), COND_UNKNOWN);
    end(&in);
}

static void test_percentile(void **state)
{
    (void)state;
    const struct rule *r =
        load("type=percentile\nmetric=t\npercentile=95%\nover=300ms\nwindow=1m\n");
    struct rule_input in = begin();
    in.timers = timers_new(DUR_S(1), in.now);
    struct evaluation ev = eval(r, &in, false);
    assert_cond(ev, COND_FALSE);
    assert_string_equal(ev.text, "no requests in the last 1m, so there is no p95; limit 300 ms");
    assert_cond(eval(r, &in, true), COND_UNKNOWN);
    for (int i = 0; i < 4; i++) { /* four slow ones: too few to say */
        feed(&in, 1, 0, 1);
        timers_add(in.timers, in.now, 400000000, 1);
    }
    assert_cond(eval(r, &in, false), COND_FALSE);
    feed(&in, 1, 0, 1);
    timers_add(in.timers, in.now, 400000000, 1);
    assert_cond(eval(r, &in, false), COND_TRUE); /* five of five */
    window_add(in.window, in.now, 400, 0);
    timers_add(in.timers, in.now, 10000000, 400);
    ev = eval(r, &in, false);
    assert_cond(ev, COND_FALSE); /* 5 of 405: the 95th percentile is 10 ms */
    assert_true(ev.value > 0.0099 && ev.value < 0.0101 && ev.n == 405 && ev.k == 5);
    window_add(in.window, in.now, 0, 40);
    timers_add(in.timers, in.now, 290000000, 40);
    assert_cond(eval(r, &in, false),
                COND_FALSE); /* 290 ms: below the limit, not below 80 % of it */
    assert_cond(eval(r, &in, true), COND_TRUE);
    end(&in);
}

static void test_absent(void **state)
{
    (void)state;
    const struct rule *r = load("type=absent\nmetric=m\nwindow=10m\n");
    struct rule_input in = begin();
    in.now.ns += 599 * SEC;
    struct evaluation ev = eval(r, &in, false);
    assert_cond(ev, COND_FALSE); /* it has not had ten minutes yet */
    assert_string_equal(ev.text, "there was no success so far, for 9m59s, limit 10m");
    in.now.ns += SEC;
    assert_cond(eval(r, &in, false), COND_TRUE);
    feed(&in, 1, 0, 1);
    assert_cond(eval(r, &in, false), COND_TRUE); /* an error is no success */
    feed(&in, 1, 1, 0);
    assert_cond(eval(r, &in, true), COND_FALSE);
    in.now.ns += 700 * SEC;
    ev = eval(r, &in, false);
    assert_cond(ev, COND_TRUE);
    assert_string_equal(ev.text, "the last success was 11m40s ago, limit 10m");
    window_dark(in.window, (mono_t){in.now.ns - SEC}, in.now); /* long enough to miss one */
    assert_cond(eval(r, &in, false), COND_UNKNOWN);
    end(&in);
    r = load("type=absent\nmetric=m\nwindow=10m\nof=total\n");
    in = begin();
    in.now.ns += 700 * SEC;
    feed(&in, 1, 0, 1);
    assert_cond(eval(r, &in, false), COND_FALSE);
    end(&in);
}

static void test_program(void **state)
{
    (void)state;
    const struct rule *r = load("type=program\nprogram=w\n");
    struct rule_process p[] = {{"w:w_0", "RUNNING"}, {"w:w_1", "RUNNING"}, {"w:w_2", "FATAL"}};
    struct rule_input in = begin();
    assert_cond(eval(r, &in, false), COND_UNKNOWN);
    in.processes = p;
    in.nprocesses = 2;
    assert_cond(eval(r, &in, false), COND_FALSE);
    in.nprocesses = 3;
    struct evaluation ev = eval(r, &in, false);
    assert_cond(ev, COND_TRUE);
    assert_string_equal(ev.text, "w:w_2 is FATAL");
    end(&in);
    r = load("type=program\nprogram=w\nrestarts=3\nwindow=10m\n");
    in = begin();
    in.processes = p;
    in.nprocesses = 3;
    feed(&in, 2, 0, 1);
    assert_cond(eval(r, &in, false), COND_FALSE); /* the state was not asked for */
    feed(&in, 1, 1, 0);
    ev = eval(r, &in, false);
    assert_cond(ev, COND_TRUE);
    assert_string_equal(ev.text, "3 restarts of w in the last 10m, limit 3");
    in.now.ns += 700 * SEC;
    assert_cond(eval(r, &in, true), COND_FALSE);
    end(&in);
    r = load("type=program\nprogram=w\nrestarts=3\nstate=backoff,FATAL\n");
    in = begin();
    in.processes = p;
    in.nprocesses = 3;
    assert_cond(eval(r, &in, false), COND_TRUE);
    in.nprocesses = 2;
    ev = eval(r, &in, false);
    assert_cond(ev, COND_FALSE);
    assert_string_equal(ev.text, "no process of w is backoff or FATAL, and 0 restarts of w in the "
                                 "last 10m, limit 3");
    end(&in);
}

/* a probe and its certificate: the item is made by hand, whatever kinds of probes there are */
static void test_probe(void **state)
{
    (void)state;
    struct alert_probe o = {.probe = "p"};
    struct item it = {.own = &o};
    struct rule_input in = {.probe = {.health = HEALTH_UNKNOWN}};
    alert = &it;
    assert_string_equal(rule_probe.about(&it), "p");
    assert_cond(eval(&rule_probe, &in, false), COND_UNKNOWN);
    in.wall.ns = 100 * 86400 * SEC + 37800 * SEC; /* half past ten */
    in.probe = (struct rule_probe){HEALTH_OK, DUR_S(60), NULL, NULL};
    struct evaluation ev = eval(&rule_probe, &in, false);
    assert_cond(ev, COND_FALSE);
    assert_string_equal(ev.text, "the probe p has been well since 10:29 UTC");
    in.probe = (struct rule_probe){HEALTH_FAILED, DUR_S(60), "status", "status 503 (wanted 200)"};
    ev = eval(&rule_probe, &in, false);
    assert_cond(ev, COND_TRUE);
    assert_true(ev.dated);
    assert_string_equal(ev.text, "the probe p has failed since 10:29 UTC: status 503 (wanted 200)");
    in.probe = (struct rule_probe){HEALTH_FAILED, DUR_S(86400), "status", ""};
    assert_string_equal(eval(&rule_probe, &in, false).text,
                        "the probe p has failed since 1970-04-10 10:30 UTC: status");
    in.probe = (struct rule_probe){HEALTH_FAILED, DUR_S(60), NULL, "status 200 in 1.0 ms"};
    assert_string_equal(eval(&rule_probe, &in, false).text,
                        "the probe p has failed since 10:29 UTC: "
                        "its last attempt was well");
}

static void test_cert(void **state)
{
    (void)state;
    static const char *const words[] = {"30d", "14d", "7d"};
    static const struct {
        int64_t life, left; /* days */
        int stage;
    } rows[] = {{365, 40, 0}, {365, 29, 1}, {365, 13, 2}, {365, 6, 3}, {365, 1, 3}, {365, 0, 3},
                {365, -3, 4}, {45, 16, 0},  {45, 14, 1},  {45, 7, 1},  {45, 6, 2},  {45, 2, 3},
                {6, 2, 0},    {6, 1, 1},    {90, 30, 0},  {90, 29, 1}, {365, 30, 0}};
    struct alert_cert o = {.probe = "p", .stages = {(const char **)(uintptr_t)words, 3}};
    struct item it = {.own = &o};
    struct rule_input in = {.wall = {1000 * 86400 * SEC}};
    alert = &it;
    assert_cond(eval(&rule_cert, &in, false), COND_UNKNOWN);
    for (size_t i = 0; i < COUNT(rows); i++) {
        in.cert = (struct rule_cert){.seen = true, .not_after = (1000 + rows[i].left) * 86400};
        in.cert.not_before = in.cert.not_after - rows[i].life * 86400;
        struct evaluation ev = eval(&rule_cert, &in, false);
        if (ev.stage != rows[i].stage || ev.cond != (ev.stage ? COND_TRUE : COND_FALSE))
            fail_msg("%d of %d days: stage %d: %s", (int)rows[i].left, (int)rows[i].life, ev.stage,
                     ev.text);
    }
    in.cert.not_after = 1000 * 86400 - 3600;
    in.cert.subject = "x";
    struct evaluation ev = eval(&rule_cert, &in, false);
    assert_true(ev.dated);
    assert_string_equal(ev.text,
                        "the certificate x expired 1h ago, on 1972-09-26 23:00 UTC, seen by "
                        "the probe p");
    in.cert.where = "x:443";
    in.cert.not_after = 1010 * 86400;
    assert_string_equal(eval(&rule_cert, &in, false).text,
                        "the certificate x expires in 10d, on 1972-10-07 00:00 UTC, at x:443");
    in.cert.where = "/x.pem";
    in.cert.gone = true;
    assert_cond(eval(&rule_cert, &in, false), COND_FALSE);
    assert_string_equal(
        eval(&rule_cert, &in, false).text,
        "the certificate x was replaced by one until 1972-10-07 00:00 UTC, in /x.pem");
    in.cert.not_after = 0;
    in.cert.subject = NULL;
    assert_string_equal(eval(&rule_cert, &in, false).text,
                        "the certificate is not seen any more, in /x.pem");
    in.cert = (struct rule_cert){.seen = true, .not_before = 1, .not_after = INT64_C(253402300799)};
    assert_cond(eval(&rule_cert, &in, false), COND_FALSE);
    assert_non_null(strstr(eval(&rule_cert, &in, false).text, ", on 9999-12-31 23:59 UTC,"));
}

RUN(TEST(test_wilson), TEST(test_ratio), TEST(test_unknown), TEST(test_lost), TEST(test_burn),
    TEST(test_burn_table), TEST(test_count), TEST(test_percentile), TEST(test_absent),
    TEST(test_program), TEST(test_probe), TEST(test_cert))
