/* The feed: what happens finds its metrics; reloads keep windows; the state survives a restart. */
#include "alerts/feed.h"
#include "alerts/rules/rule.h"

#include "conf_text.h"
#include "unit.h"

#define SEC INT64_C(1000000000)
static const mono_t t0 = {1000 * SEC};

static const char text[] =
    "[supervisord]\n"
    "[program:w]\ncommand=w\n[program:v]\ncommand=v\n[group:g]\nprograms=v\n"
    "[metric:lines]\ntype=lines\nprogram=w\nerrors=ERROR\n"
    "[metric:http]\ntype=lines\nprogram=g\nstream=stdout\ntotal=status=\\d+\n"
    "errors=status=5\\d\\d|panic\n"
    "[metric:exits]\ntype=exits\nprogram=w\n"
    "[metric:restarts]\ntype=exits\nprogram=w\nof=restarts\n"
    "[metric:req]\ntype=counter\ntotal=req\nerrors=req.err\ntags=env:prod\n"
    "[metric:one]\ntype=counter\ncounter=jobs\n"
    "[metric:lat]\ntype=timer\ntimer=lat\nover=300ms\ncell=1s\n"
    "[alert:flaps]\ntype=program\nprogram=w\nrestarts=3\n";

/* the generation as the agent reads it */
static struct agentgen *gen(const char *conf_text)
{
    struct err e;
    struct str out = STR_INIT;
    struct conf *c = load_text(conf_text);
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    agentgen_write(c, &out);
    struct agentgen *g = agentgen_read(out.s, out.len, &e);
    if (!g)
        fail_msg("%s", e.msg);
    str_fini(&out);
    conf_free(&c);
    return g;
}

static struct feed *feed_of(struct agentgen *g)
{
    struct err e;
    struct feed *f = feed_new();
    if (feed_load(f, g, t0, &e) < 0)
        fail_msg("%s", e.msg);
    return f;
}

static void expect(const struct feed *f, const char *name, uint64_t ok, uint64_t err)
{
    const struct metric *m = feed_metric(f, name);
    assert_non_null(m);
    if (m->ok != ok || m->err != err)
        fail_msg("%s: %d/%d, not %d/%d", name, (int)m->ok, (int)m->err, (int)ok, (int)err);
}

static void say(struct feed_stream *s, const char *p)
{
    feed_text(s, t0, 0, p, strlen(p));
}

static void test_text(void **state)
{
    (void)state;
    struct agentgen *g = gen(text);
    struct feed *f = feed_of(g);
    struct feed_stream *w = feed_stream_open(f, "w", "w", true);
    struct feed_stream *v = feed_stream_open(f, "g", "v", false);
    struct feed_stream *ve = feed_stream_open(f, "g", "v", true);
    assert_true(feed_stream_wanted(w) && feed_stream_wanted(v));
    assert_false(feed_stream_wanted(ve)); /* stream=stdout */
    say(w, "fine\nan ERROR\nfine\nER");
    say(w, "ROR again\nno newline");
    expect(f, "lines", 2, 2);
    feed_text_end(w, t0);
    expect(f, "lines", 3, 2);
    assert_string_equal(feed_metric(f, "lines")->evidence, "ERROR again");
    say(v, "status=200\nstatus=503\nhello\npanic\nstatus=204 status=500\nstatus=x\n");
    say(ve, "status=200\n");
    expect(f, "http", 1, 3);
    feed_stream_close(&w);
    feed_stream_close(&v);
    feed_stream_close(&ve);
    feed_free(&f);
    agentgen_free(&g);
}

static void test_skipped(void **state)
{
    (void)state;
    struct agentgen *g = gen(text);
    struct feed *f = feed_of(g);
    struct feed_stream *w = feed_stream_open(f, "w", "w", false);
    const struct metric *m = feed_metric(f, "lines");
    say(w, "one\ntor");
    mono_t later = {t0.ns + 3 * SEC};
    feed_text(w, later, 5000, "n ERROR\ntwo\n", 12);
    expect(f, "lines", 2, 0);
    struct window_sum s = window_sum(m->window, later, DUR_S(60));
    assert_int_equal(s.unknown.ns, 3 * SEC);
    assert_true(s.lost == 1250); /* of 4 bytes, as the one that came */
    s = window_sum(feed_metric(f, "http")->window, later, DUR_S(60));
    assert_int_equal(s.unknown.ns, 0);
    feed_gap(f, later, (mono_t){later.ns + 7 * SEC});
    s = window_sum(m->window, (mono_t){later.ns + 7 * SEC}, DUR_S(60));
    assert_int_equal(s.unknown.ns, 10 * SEC);
    feed_stream_close(&w);
    feed_free(&f);
    agentgen_free(&g);
}

/* An expression that is too costly for the lines at hand: its metric rests, and knows nothing then.
 */
static void test_costly(void **state)
{
    (void)state;
    struct agentgen *g = gen("[supervisord]\n[program:w]\ncommand=w\n"
                             "[metric:m]\ntype=lines\nprogram=w\nerrors=(a+)+$\n");
    struct feed *f = feed_of(g);
    struct feed_stream *w = feed_stream_open(f, "w", "w", false);
    const struct metric *m = feed_metric(f, "m");
    static char costly[200 * 64];
    for (size_t i = 0; i < sizeof(costly); i++)
        costly[i] = i % 64 == 63 ? '\n' : i % 64 == 62 ? '!' : 'a';
    mono_t start = mono_now();
    for (int i = 0; i < 20; i++)
        feed_text(w, t0, 0, costly, sizeof(costly));
    assert_true(mono_sub(mono_now(), start).ns < DUR_S(1).ns); /* 4,000 lines */
    expect(f, "m", 0, 0);
    assert_int_equal(window_sum(m->window, t0, DUR_S(60)).unknown.ns, 0); /* younger than that */
    mono_t later = {t0.ns + 2 * SEC};
    feed_text(w, later, 0, "fine\na\r\n", 8);
    expect(f, "m", 1, 1); /* it tries again */
    assert_string_equal(m->evidence, "a");
    feed_text(w, later, 0, costly, sizeof(costly));
    struct window_sum s = window_sum(m->window, later, DUR_S(60));
    assert_int_equal(s.unknown.ns, SEC);
    assert_true(s.lost > 190 && s.lost <= 400); /* half of the first ones are before its birth */
    feed_stream_close(&w);
    feed_free(&f);
    agentgen_free(&g);
}

static void statsd(struct feed *f, const char *p)
{
    feed_statsd(f, t0, p, strlen(p));
}

static void test_statsd(void **state)
{
    (void)state;
    struct agentgen *g = gen(text);
    struct feed *f = feed_of(g);
    statsd(f, "req:10|c|#env:prod\nreq.err:2|c|#env:prod\nreq:100|c\nreq:8|c|#x,env:prod");
    expect(f, "req", 16, 2); /* 18 in all, 2 of them errors */
    statsd(f, "jobs:1|c|@0.4\njobs:1|c|@0.4\njobs:3|ms\nother:1|c");
    expect(f, "one", 5, 0);
    statsd(f, "lat:100:200:400|ms\nlat:1|c\nlat:500|h|@0.5");
    expect(f, "lat", 2, 3);
    static struct hist h;
    timers_sum(feed_metric(f, "lat")->timers, t0, DUR_S(60), &h);
    assert_int_equal(h.n, 5);
    assert_int_equal(feed_statsd_counts(f).samples, 13);
    feed_statsd_lost(f, (mono_t){t0.ns + 2 * SEC}, 4);
    struct window_sum s =
        window_sum(feed_metric(f, "lat")->window, (mono_t){t0.ns + 2 * SEC}, DUR_S(60));
    assert_int_equal(s.unknown.ns, 2 * SEC);
    assert_true(s.lost > 6.6 && s.lost < 6.7); /* 5 came in 3 datagrams */
    assert_int_equal(window_sum(feed_metric(f, "lines")->window, t0, DUR_S(60)).unknown.ns, 0);
    feed_free(&f);
    agentgen_free(&g);
}

static void process(struct feed *f, const char *name, unsigned exits, unsigned unexpected,
                    unsigned restarts, unsigned bad)
{
    feed_process(f, t0,
                 &(struct feed_process){.process = name,
                                        .group = *name == 'v' ? "g" : name,
                                        .program = *name == 'v' ? "v" : "w",
                                        .counters = {exits, unexpected, restarts, bad},
                                        .fresh = strncmp(name, "fresh", 5) == 0});
}

static void test_programs(void **state)
{
    (void)state;
    struct agentgen *g = gen(text);
    struct feed *f = feed_of(g);
    process(f, "w", 4, 3, 3, 2);
    expect(f, "exits", 0, 0); /* what was before us */
    process(f, "w", 8, 6, 6, 4);
    process(f, "v", 50, 5, 0, 0);
    feed_probe(f, t0, "nobody", true);
    expect(f, "exits", 1, 3);
    expect(f, "restarts", 1, 2);
    expect(f, "alert:flaps", 1, 2);
    process(f, "fresh", 2, 1, 0, 0); /* began while we looked */
    expect(f, "exits", 2, 4);
    process(f, "fresh", 1, 1, 0, 0); /* and anew */
    expect(f, "exits", 2, 5);
    feed_process_gone(f, "fresh");
    feed_process_gone(f, "nobody");
    process(f, "fresh", 1, 0, 0, 0);
    expect(f, "exits", 3, 5);
    feed_gap(f, (mono_t){t0.ns - 5 * SEC}, t0); /* supd counted on */
    assert_int_equal(window_sum(feed_metric(f, "exits")->window, t0, DUR_S(60)).unknown.ns, 0);
    assert_null(feed_metric(f, "flaps"));
    size_t n = 0;
    while (feed_at(f, n))
        n++;
    assert_int_equal(n, 8);
    const struct metric *m = feed_metric(f, "alert:flaps");
    struct rule_input in = {.now = t0, .window = m->window};
    struct evaluation ev;
    rule_program.evaluate(m->item, &in, &ev);
    assert_int_equal(ev.cond, COND_TRUE);
    feed_free(&f);
    agentgen_free(&g);
}

static void test_reload(void **state)
{
    (void)state;
    struct err e;
    struct agentgen *g = gen(text);
    struct feed *f = feed_of(g);
    struct feed_stream *w = feed_stream_open(f, "w", "w", false);
    say(w, "a\nERROR\n");
    statsd(f, "jobs:5|c");
    /* one gone, one changed, one new, the others as they were */
    struct agentgen *next = gen("[supervisord]\n[program:w]\ncommand=other\n"
                                "[metric:one]\ntype=counter\ncounter=jobs\n"
                                "[metric:lines]\ntype=lines\nprogram=w\nerrors=WARN\n"
                                "[metric:more]\ntype=lines\nprogram=w\n");
    assert_int_equal(feed_load(f, next, t0, &e), 0);
    agentgen_free(&g);
    expect(f, "one", 5, 0);
    expect(f, "lines", 0, 0);
    assert_null(feed_metric(f, "http"));
    assert_string_equal(feed_at(f, 0)->name, "one");
    say(w, "a\nWARN\n"); /* the handle is as good as before */
    expect(f, "lines", 1, 1);
    expect(f, "more", 2, 0);
    struct agentgen *bad = gen("[supervisord]\n[program:w]\ncommand=w\n[metric:one]\n"
                               "type=lines\nprogram=w\n[metric:x]\ntype=lines\nprogram=w\n"
                               "errors=a(\n");
    assert_int_equal(feed_load(f, bad, t0, &e), -1);
    assert_non_null(strstr(e.msg, "metric:x.errors: the pattern is wrong at its character 3"));
    agentgen_free(&bad);
    expect(f, "lines", 1, 1);
    expect(f, "one", 5, 0);
    feed_stream_close(&w);
    feed_free(&f);
    agentgen_free(&next);
}

static void test_restart(void **state)
{
    (void)state;
    struct err e;
    struct str s = STR_INIT;
    struct agentgen *g = gen(text);
    struct feed *f = feed_of(g);
    statsd(f, "lat:100|ms\njobs:7|c");
    feed_save(f, t0, (wall_t){50 * SEC}, &s);
    feed_free(&f);
    f = feed_of(g);
    statsd(f, "jobs:9|c"); /* before the restore: the saved one replaces it, but not its total */
    assert_int_equal(feed_restore(f, s.s, s.len, t0, (wall_t){65 * SEC}, &e), 0);
    expect(f, "one", 16, 0);
    struct window_sum sum = window_sum(feed_metric(f, "one")->window, t0, DUR_S(60));
    assert_true(sum.ok == 7 && sum.unknown.ns == 15 * SEC);
    static struct hist h;
    timers_sum(feed_metric(f, "lat")->timers, t0, DUR_S(60), &h);
    assert_int_equal(h.n, 1);
    for (size_t n = 0; n < s.len; n += 211)
        assert_int_equal(feed_restore(f, s.s, n, t0, (wall_t){65 * SEC}, &e), -1);
    str_fini(&s);
    feed_free(&f);
    agentgen_free(&g);
}

/* What happened while the agent was away is counted when it is back, once. */
static void test_exits_over_a_restart(void **state)
{
    (void)state;
    static const struct {
        uint64_t before, after; /* which supd */
        unsigned ok, err, restarts, restarts_bad;
        int64_t unknown; /* s */
    } rows[] = {{7, 7, 4, 3, 2, 3, 0},
                {7, 8, 5, 6, 2, 5, 15},
                {7, 0, 1, 2, 0, 1, 15},
                {0, 8, 5, 6, 2, 5, 15}};
    struct err e;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str s = STR_INIT;
        struct agentgen *g = gen(text);
        struct feed *f = feed_of(g);
        feed_supd(f, rows[i].before);
        process(f, "w", 1, 1, 1, 1);
        process(f, "w", 4, 3, 2, 2);
        feed_save(f, t0, (wall_t){50 * SEC}, &s);
        feed_free(&f);
        f = feed_of(g);
        feed_supd(f, rows[i].after);
        process(f, "w", 6, 4, 5, 4); /* as the snapshot has it */
        process(f, "w", 7, 4, 6, 4); /* and then, before the store is read */
        process(f, "w", 8, 4, 6, 4);
        assert_int_equal(feed_restore(f, s.s, s.len, t0, (wall_t){65 * SEC}, &e), 0);
        expect(f, "exits", rows[i].ok, rows[i].err);
        expect(f, "restarts", rows[i].restarts, rows[i].restarts_bad);
        struct window_sum sum = window_sum(feed_metric(f, "exits")->window, t0, DUR_S(60));
        assert_int_equal(sum.unknown.ns, rows[i].unknown * SEC);
        assert_true(sum.ok == rows[i].ok && sum.err == rows[i].err);
        /* the others' time is unknown in any case */
        sum = window_sum(feed_metric(f, "one")->window, t0, DUR_S(60));
        assert_int_equal(sum.unknown.ns, 15 * SEC);
        process(f, "w", 9, 5, 6, 4);
        expect(f, "exits", rows[i].ok, rows[i].err + 1);
        /* without a supd that is known nothing is read behind the windows */
        for (size_t n = 0; rows[i].after && n < s.len; n += 97)
            assert_int_equal(feed_restore(f, s.s, n, t0, (wall_t){65 * SEC}, &e), -1);
        str_fini(&s);
        feed_free(&f);
        agentgen_free(&g);
    }
}

RUN(TEST(test_exits_over_a_restart), TEST(test_text), TEST(test_skipped), TEST(test_costly),
    TEST(test_statsd), TEST(test_programs), TEST(test_reload), TEST(test_restart))
