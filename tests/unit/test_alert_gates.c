/* What holds notices back: silences, suppression behind a failed parent, storms, rate limits. */
#include "tests/unit/unit.h"

#include "alerts/rules/bucket.h"
#include "alerts/rules/group.h"
#include "alerts/rules/silence.h"
#include "alerts/rules/suppress.h"
#include "supervisor/base/rng.h"

#define T0 (INT64_C(1790000000) * 1000000000)

static wall_t at(int s)
{
    return wall_add((wall_t){T0}, DUR_S(s));
}

/* ---- silences ---- */

#define LIST(...)                                                                                  \
    &(struct str_list)                                                                             \
    {                                                                                              \
        (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)      \
    }

static uint64_t add(struct silences *s, const struct str_list *m, int from, int to, struct err *e)
{
    struct silence_request rq = {
        .matchers = m, .author = "ann", .reason = "deploy", .start = at(from), .end = at(to)};
    return silences_add(s, &rq, at(0), e);
}

static void matchers_match(void **state)
{
    (void)state;
    static const struct {
        const char *matcher;
        bool matches;
    } rows[] = {
        {"alertname=api-lag", true},    {"alertname=api", false},  {"alertname=api-*", true},
        {"alertname!=api-*", false},    {"severity!=info", true},  {"team=", false},
        {"alertname=[ab]pi-lag", true}, {"severity=page=", false}, {"severity!=page", false},
    };
    const struct str_list *labels = LIST("alertname=api-lag", "severity=page", "team=db");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct silences s = {0};
        struct err e = {0};
        /* beside one that matches, so that none of them matches everything */
        if (!add(&s, LIST(rows[i].matcher, "team=db"), 0, 10, &e))
            fail_msg("%s", e.msg);
        if ((silences_match(&s, labels, at(1)) != 0) != rows[i].matches)
            fail_msg("%s", rows[i].matcher);
        silences_fini(&s);
    }
}

static void a_silence_has_a_time(void **state)
{
    (void)state;
    struct silences s = {0};
    struct err e;
    const struct str_list *l = LIST("team=db");
    uint64_t a = add(&s, l, 10, 20, &e), b = add(&s, l, 15, 40, &e);
    assert_int_equal(silences_match(&s, l, at(9)), 0);
    assert_int_equal(silences_match(&s, l, at(10)), a);
    assert_int_equal(silences_match(&s, l, at(15)), b); /* the one that lasts longer */
    assert_int_equal(silences_match(&s, l, at(40)), 0);
    assert_int_equal(silences_deadline(&s, at(0)).ns, at(10).ns);
    assert_int_equal(silences_deadline(&s, at(10)).ns, at(15).ns);
    assert_int_equal(silences_deadline(&s, at(20)).ns, at(40).ns);
    assert_int_equal(silences_deadline(&s, at(40)).ns, 0);
    assert_true(silences_end(&s, b, at(30)));
    assert_false(silences_end(&s, b, at(31)));
    assert_int_equal(silences_match(&s, l, at(30)), 0);
    uint64_t c = add(&s, l, 50, 60, &e);
    assert_true(silences_end(&s, c, at(31))); /* never began: it is gone */
    assert_int_equal(s.list.n, 2);
    silences_fini(&s);
}

static void count_gone(void *obj, uint64_t id)
{
    *(uint64_t *)obj += id;
}

static void silences_are_kept_and_purged(void **state)
{
    (void)state;
    struct silences s = {0}, back = {0};
    struct err e;
    struct str text = STR_INIT;
    const struct str_list *l = LIST("alertname=a*", "team!=db");
    add(&s, l, 0, 10, &e);
    uint64_t id = add(&s, l, 0, 100, &e), gone = 0;
    unsigned char rec[SILENCE_RECORD];
    struct silence one;
    silence_save(&s.list.v[1], rec);
    assert_true(silence_load(rec, sizeof(rec), &one));
    silences_restore(&back, &one);
    assert_int_equal(silences_match(&back, LIST("alertname=ab"), at(1)), id);
    assert_int_equal(add(&back, l, 0, 10, &e), id + 1);
    silence_print(&one, &text);
    assert_string_equal(str_text(&text), "alertname=a* team!=db");
    rec[100] ^= 1;
    assert_false(silence_load(rec, sizeof(rec), &one));
    silences_purge(&s, at(20), DUR_S(10), count_gone, &gone);
    assert_int_equal(gone, 1);
    assert_int_equal(s.list.n, 1);
    str_fini(&text);
    silences_fini(&s);
    silences_fini(&back);
}

static void refused(const struct silence_request *rq, const char *why)
{
    struct silences s = {0};
    struct err e = {0};
    assert_int_equal(silences_add(&s, rq, at(0), &e), 0);
    if (!strstr(e.msg, why))
        fail_msg("'%s' is not in '%s'", why, e.msg);
    silences_fini(&s);
}

static void bad_silences_are_refused(void **state)
{
    (void)state;
    struct silence_request good = {.matchers = LIST("a=b"),
                                   .author = "ann",
                                   .reason = "why",
                                   .end = at(10)},
                           rq = good;
#define REFUSED(why, ...) refused((rq = good, __VA_ARGS__, &rq), why)
    REFUSED("needs a matcher", rq.matchers = NULL);
    REFUSED("is no matcher", rq.matchers = LIST("=b"));
    REFUSED("is no matcher", rq.matchers = LIST("ab"));
    REFUSED("is no matcher", rq.matchers = LIST("a!b"));
    REFUSED("would match everything", rq.matchers = LIST("a=*", "b!=c"));
    REFUSED("8 are the most",
            rq.matchers = LIST("a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1"));
    REFUSED("not after its start", rq.end = at(0));
    REFUSED("not after its start", rq.start = at(20));
    REFUSED("more than a year", rq.end = at(400 * 86400));
    REFUSED("needs an author", rq.author = "");
    REFUSED("needs a reason", rq.reason = NULL);
    char longer[300];
    memset(longer, 'x', sizeof(longer));
    longer[0] = '=';
    longer[299] = '\0';
    REFUSED("is no matcher", rq.matchers = LIST(longer));
    longer[0] = 'a';
    longer[1] = '=';
    REFUSED("is too long", rq.matchers = LIST(longer));
}

/* ---- suppression ---- */

static void a_failed_parent_holds_back(void **state)
{
    (void)state;
    struct suppress s = {0};
    struct suppress_verdict v = {0};
    uint32_t db = suppress_node(&s, false), api = suppress_node(&s, false),
             web = suppress_node(&s, false);
    suppress_edge(&s, web, api);
    suppress_edge(&s, api, db);
    suppress_ask(&s, web, at(5), at(5), &v);
    assert_int_equal(v.answer, SUPPRESS_CLEAR);
    suppress_found(&s, db, true, at(6));
    suppress_ask(&s, web, at(6), at(6), &v); /* through api, which has not failed */
    assert_int_equal(v.answer, SUPPRESS_BEHIND);
    assert_int_equal(v.root, db);
    suppress_found(&s, api, true, at(7));
    suppress_ask(&s, web, at(6), at(7), &v);
    assert_int_equal(v.root, db); /* not api, which is held back itself */
    suppress_found(&s, db, false, at(8));
    suppress_ask(&s, web, at(6), at(8), &v);
    assert_int_equal(v.root, api);
    suppress_ask(&s, api, at(7), at(8), &v);
    assert_int_equal(v.answer, SUPPRESS_CLEAR);
    suppress_verdict_fini(&v);
    suppress_fini(&s);
}

static void a_child_that_fails_first_waits(void **state)
{
    (void)state;
    struct suppress s = {0};
    struct suppress_verdict v = {0};
    uint32_t gw = suppress_node(&s, true), api = suppress_node(&s, true);
    suppress_edge(&s, api, gw);
    suppress_found(&s, gw, false, at(0));
    suppress_found(&s, api, true, at(10));
    suppress_ask(&s, api, at(10), at(10), &v);
    assert_int_equal(v.answer, SUPPRESS_WAITS);
    assert_int_equal(v.until.ns, at(40).ns);
    assert_int_equal(v.probe.n, 1);
    assert_int_equal(v.probe.v[0], gw);
    suppress_ask(&s, api, at(10), at(11), &v);
    assert_int_equal(v.answer, SUPPRESS_WAITS);
    assert_int_equal(v.probe.n, 0); /* asked already */
    suppress_ask(&s, api, at(10), at(40), &v);
    assert_int_equal(v.answer, SUPPRESS_CLEAR); /* it never answered */
    suppress_found(&s, gw, false, at(12));
    suppress_ask(&s, api, at(10), at(12), &v);
    assert_int_equal(v.answer, SUPPRESS_CLEAR); /* it is well: the child's own fault */
    suppress_ask(&s, api, at(20), at(20), &v);
    assert_int_equal(v.probe.n, 1); /* a later failure asks anew */
    suppress_found(&s, gw, true, at(21));
    suppress_ask(&s, api, at(20), at(21), &v);
    assert_int_equal(v.answer, SUPPRESS_BEHIND);
    suppress_verdict_fini(&v);
    suppress_fini(&s);
}

/* Against a model: who is above whom, by closure. In half of the worlds there may be cycles. */
#define NODES 12
static void closure(bool up[NODES][NODES])
{
    for (int k = 0; k < NODES; k++)
        for (int i = 0; i < NODES; i++)
            for (int j = 0; j < NODES; j++)
                up[i][j] |= up[i][k] && up[k][j];
}

static void check_node(struct suppress *s, bool up[NODES][NODES], uint32_t n, bool acyclic)
{
    struct suppress_verdict v = {0};
    bool behind = false, above_root = false;
    for (uint32_t j = 0; j < NODES; j++)
        behind |= j != n && up[n][j] && s->nodes.v[j].failed;
    suppress_ask(s, n, at(100), at(100), &v);
    assert_int_equal(v.answer == SUPPRESS_BEHIND, behind);
    if (behind) {
        assert_true(up[n][v.root] && s->nodes.v[v.root].failed);
        for (uint32_t j = 0; j < NODES; j++)
            above_root |= up[v.root][j] && s->nodes.v[j].failed;
        assert_true(!above_root || !acyclic);
    } else {
        size_t stale = 0;
        for (uint32_t j = 0; j < NODES; j++)
            stale +=
                j != n && up[n][j] && s->nodes.v[j].probed && s->nodes.v[j].seen.ns < at(100).ns;
        assert_int_equal(v.answer, stale ? SUPPRESS_WAITS : SUPPRESS_CLEAR);
        assert_int_equal(v.probe.n, stale);
        for (uint32_t j = 0; j < NODES; j++)
            s->nodes.v[j].asked = WALL_NEVER;
    }
    suppress_verdict_fini(&v);
}

static void graphs_at_random(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 5);
    for (int world = 0; world < 5000; world++) {
        struct suppress s = {0};
        bool up[NODES][NODES] = {{false}}, acyclic = rng_below(&r, 2), falls = rng_below(&r, 2);
        for (int i = 0; i < NODES; i++)
            suppress_node(&s, rng_below(&r, 2));
        for (int n = (int)rng_below(&r, 20); n > 0; n--) {
            uint32_t a = (uint32_t)rng_below(&r, NODES), b = (uint32_t)rng_below(&r, NODES);
            if (acyclic && (falls ? a >= b : a <= b)) /* causes come first, or last */
                continue;
            suppress_edge(&s, a, b);
            up[a][b] = true;
        }
        closure(up);
        for (uint32_t i = 0; i < NODES; i++)
            suppress_found(&s, i, rng_below(&r, 4) == 0, at(rng_below(&r, 2) ? 99 : 100));
        for (uint32_t i = 0; i < NODES; i++)
            check_node(&s, up, i, acyclic);
        suppress_fini(&s);
    }
}

/* ---- storms and limits ---- */

static void a_storm_is_more_than_twenty_a_minute(void **state)
{
    (void)state;
    struct storm s = {0};
    for (int i = 0; i < 200; i++)
        assert_false(storm_fired(&s, at(3 * i))); /* twenty a minute, for ten minutes */
    s = (struct storm){0};
    for (int i = 0; i < 20; i++)
        assert_false(storm_fired(&s, at(i)));
    assert_true(storm_fired(&s, at(59)));
    assert_false(storm_fired(&s, at(70)));
    assert_int_equal(s.alerts, 22);
    assert_int_equal(storm_deadline(&s, at(70)).ns, at(130).ns);
    assert_false(storm_calms(&s, 5, at(129)));
    assert_false(storm_calms(&s, 21, at(130)));
    assert_int_equal(storm_deadline(&s, at(130)).ns, 0);
    assert_true(storm_calms(&s, 20, at(140)));
    assert_false(storm_calms(&s, 0, at(500)));
    assert_false(storm_fired(&s, at(501)));
}

static void digest_is(struct digest_item *items, size_t n, const char *want)
{
    struct str out = STR_INIT;
    digest_text(items, n, &out);
    assert_string_equal(str_text(&out), want);
    str_fini(&out);
}

static void a_digest_names_the_roots(void **state)
{
    (void)state;
    struct digest_item some[] = {{"mail", NULL}, {"a1", "api"}, {"d1", "db"},
                                 {"api", NULL},  {"d2", "db"},  {"db", NULL}};
    digest_is(some, 6, "6 alerts, roots: db (3), api (2), mail");
    struct digest_item many[] = {{"g", NULL}, {"f", NULL}, {"e", NULL}, {"d", NULL},
                                 {"c", NULL}, {"b", NULL}, {"x", "g"}};
    digest_is(many, 7, "7 alerts, roots: g (2), b, c, d, e and 1 more");
    digest_is(some, 1, "1 alert, roots: api");
    digest_is(NULL, 0, "0 alerts");
}

static void a_bucket_gives_no_more_than_it_has(void **state)
{
    (void)state;
    const struct bucket_spec spec = {DUR_S(3), 5}, none = {.burst = 1};
    struct bucket b = {0}, free_one = {0};
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&b, &spec, at(0)));
    assert_false(bucket_take(&b, &spec, at(0)));
    assert_int_equal(bucket_ready(&b, &spec, at(0)).ns, at(3).ns);
    assert_true(bucket_take(&b, &spec, at(3)));
    assert_false(bucket_take(&b, &spec, at(5)));
    bucket_force(&b, &spec, at(6)); /* the token of then */
    assert_int_equal(bucket_ready(&b, &spec, at(6)).ns, at(9).ns);
    int taken = 0;
    for (int s = 1000; s < 4000; s++)
        taken += bucket_take(&b, &spec, at(s));
    assert_int_equal(taken, 1004); /* 5, then one every 3 s */
    for (int i = 0; i < 100; i++)
        assert_true(bucket_take(&free_one, &none, at(0)));
}

RUN(TEST(matchers_match), TEST(a_silence_has_a_time), TEST(silences_are_kept_and_purged),
    TEST(bad_silences_are_refused), TEST(a_failed_parent_holds_back),
    TEST(a_child_that_fails_first_waits), TEST(graphs_at_random),
    TEST(a_storm_is_more_than_twenty_a_minute), TEST(a_digest_names_the_roots),
    TEST(a_bucket_gives_no_more_than_it_has))
