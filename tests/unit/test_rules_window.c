/* Rolling windows: a random walk beside a naive model that keeps every sample, gaps, saving. */
#include "alerts/rules/timers.h"
#include "alerts/rules/window.h"
#include "supervisor/base/rng.h"

#include "unit.h"

#define SEC INT64_C(1000000000)
enum { EVENTS = 20000 };

struct event {
    int64_t t; /* since the birth */
    uint32_t ok, err;
};
struct model {
    struct event e[EVENTS];
    size_t n;
    int64_t cell, dark[3][2];
};

/* The definition, from every single sample: which ring, and the oldest cell in part. */
static struct window_sum model_sum(const struct model *m, int64_t t, int64_t length)
{
    const int64_t widths[] = {m->cell, 60 * SEC, 300 * SEC, 3600 * SEC};
    const int64_t reach[] = {300 * SEC, 3600 * SEC, 6 * 3600 * SEC, 72 * 3600 * SEC};
    int r = 0;
    while (reach[r] < length)
        r++;
    struct window_sum s = {.seen = {length < t ? length : t}};
    for (size_t i = 0; i < m->n; i++) {
        int64_t begin = m->e[i].t / widths[r] * widths[r], from = t - length;
        double share = begin >= from ? 1 : 1 - (double)(from - begin) / (double)widths[r];
        if (share > 0) {
            s.ok += m->e[i].ok * share;
            s.err += m->e[i].err * share;
        }
    }
    for (int i = 0; i < 3; i++) {
        int64_t from = t - length > m->dark[i][0] ? t - length : m->dark[i][0];
        if (m->dark[i][1] > from)
            s.unknown.ns += m->dark[i][1] - from;
    }
    return s;
}

static void assert_sum(struct window_sum got, struct window_sum want, const char *what)
{
    double tolerance = 1e-6 * (1 + want.ok + want.err);
    double ok = got.ok - want.ok, err = got.err - want.err;
    if (ok > tolerance || ok < -tolerance || err > tolerance || err < -tolerance ||
        got.unknown.ns != want.unknown.ns || got.seen.ns != want.seen.ns)
        fail_msg("%s: %f/%f, not %f/%f; unknown %lld, not %lld", what, got.ok, got.err, want.ok,
                 want.err, (long long)got.unknown.ns, (long long)want.unknown.ns);
}

static void walk(uint64_t seed, int64_t cell, bool restart)
{
    static struct model m;
    struct rng r;
    struct err e;
    rng_seed(&r, seed);
    m.n = 0;
    m.cell = cell;
    memset(m.dark, 0, sizeof(m.dark));
    int64_t birth = (int64_t)rng_below(&r, 1000000) * 1000003, t = 0;
    struct window *w = window_new((dur_t){cell}, (mono_t){birth});
    for (int i = 0; i < EVENTS; i++) {
        /* mostly a few seconds, at times hours */
        t += (int64_t)rng_below(&r,
                                rng_below(&r, 500) ? 8 * (uint64_t)SEC : 5 * 3600 * (uint64_t)SEC);
        struct event ev = {t, (uint32_t)rng_below(&r, 50), (uint32_t)rng_below(&r, 3)};
        window_add(w, (mono_t){birth + t}, ev.ok, ev.err);
        m.e[m.n++] = ev;
        if (i % (EVENTS / 3) == 1000) {
            int64_t *d = m.dark[i / (EVENTS / 3)];
            d[0] = t;
            d[1] = t += 77 * SEC;
            window_dark(w, (mono_t){birth + d[0]}, (mono_t){birth + d[1]});
        }
        if (restart && i % 997 == 0) {
            struct str s = STR_INIT;
            window_save(w, (mono_t){birth + t}, (wall_t){5 * SEC}, &s);
            window_free(&w);
            birth += 123456789; /* another boot's clock */
            w = window_restore(s.s, s.len, (dur_t){cell}, (mono_t){birth + t}, (wall_t){5 * SEC},
                               &e);
            assert_non_null(w);
            str_fini(&s);
        }
        if (i % 37 == 0) {
            static const int64_t lengths[] = {1,    7,    60,    90,    300,    301,   1800,
                                              3600, 7200, 21600, 86400, 259200, 172801};
            int64_t length = lengths[rng_below(&r, COUNT(lengths))] * SEC;
            if (length < cell)
                length = cell;
            assert_sum(window_sum(w, (mono_t){birth + t}, (dur_t){length}),
                       model_sum(&m, t, length), "walk");
        }
    }
    window_free(&w);
}

static void test_walk(void **state)
{
    (void)state;
    static const int64_t cells[] = {1, 2, 5, 10, 15, 60};
    for (uint64_t i = 0; i < COUNT(cells); i++)
        walk(i + 1, cells[i] * SEC, i % 2);
}

/* the sum is off the true sliding one by no more than the oldest cell holds */
static void test_does_not_breathe(void **state)
{
    (void)state;
    struct window *w = window_new(WINDOW_CELL, (mono_t){1});
    for (int64_t t = 0; t < 1000; t++) {
        window_add(w, (mono_t){1 + t * SEC}, 1, 0);
        struct window_sum s = window_sum(w, (mono_t){1 + t * SEC}, DUR_S(300));
        if (t >= 300)
            assert_true(s.ok > 299.9 && s.ok < 301.1);
    }
    window_free(&w);
}

static void test_time(void **state)
{
    (void)state;
    struct window *w = window_new(DUR_S(1), (mono_t){5 * SEC});
    mono_t late = {105 * SEC};
    assert_int_equal(window_since_ok(w, late).ns, 100 * SEC);
    window_add(w, late, 2, 0);
    window_add(w, (mono_t){60 * SEC}, 0, 3); /* back: counts as now */
    struct window_sum s = window_sum(w, late, DUR_S(1));
    assert_true(s.ok == 2 && s.err == 3);
    assert_int_equal(window_since_ok(w, (mono_t){115 * SEC}).ns, 10 * SEC);
    assert_int_equal(window_since_err(w, (mono_t){116 * SEC}).ns, 11 * SEC);
    s = window_sum(w, (mono_t){105 * SEC + 73 * 3600 * SEC}, WINDOW_MAX); /* a jump: all is gone */
    assert_true(s.ok == 0 && s.err == 0);
    assert_int_equal(s.seen.ns, WINDOW_MAX.ns);
    window_add(w, (mono_t){106 * SEC + 73 * 3600 * SEC}, UINT32_MAX, 1);
    window_add(w, (mono_t){106 * SEC + 73 * 3600 * SEC}, UINT32_MAX, 1);
    s = window_sum(w, (mono_t){106 * SEC + 73 * 3600 * SEC}, DUR_S(60));
    assert_true(s.ok == (double)UINT32_MAX && s.err == 2);
    window_free(&w);
}

static void test_darks(void **state)
{
    (void)state;
    struct window *w = window_new(WINDOW_CELL, (mono_t){SEC});
    /* more than it can note: the nearest ones become one, and never less is unknown than was said
     */
    int64_t t = SEC, said = 0;
    for (int i = 0; i < 100; i++) {
        t += (100 + i) * SEC;
        window_dark(w, (mono_t){t}, (mono_t){t + 2 * SEC});
        t += 2 * SEC;
        said += 2 * SEC;
        assert_true(window_sum(w, (mono_t){t}, WINDOW_MAX).unknown.ns >= said);
    }
    assert_int_equal(window_sum(w, (mono_t){t}, DUR_S(2)).unknown.ns, 2 * SEC);
    window_dark(w, (mono_t){t - SEC}, (mono_t){t + SEC}); /* one that overlaps */
    assert_int_equal(window_sum(w, (mono_t){t + SEC}, DUR_S(60)).unknown.ns, 3 * SEC);
    window_dark(w, (mono_t){t + 5 * SEC}, (mono_t){t + 4 * SEC}); /* backwards: nothing */
    assert_int_equal(window_sum(w, (mono_t){t + 5 * SEC}, DUR_S(60)).unknown.ns, 3 * SEC);
    window_free(&w);
}

/* What was lost is as old as its time, and nothing of it is forgotten when stretches become one. */
static void test_lost(void **state)
{
    (void)state;
    struct err e;
    struct str s = STR_INIT;
    struct window *w = window_new(DUR_S(1), (mono_t){SEC});
    window_lost(w, (mono_t){100 * SEC}, (mono_t){110 * SEC}, 50);
    window_lost(w, (mono_t){108 * SEC}, (mono_t){112 * SEC}, 10); /* one, of 12 s */
    window_dark(w, (mono_t){112 * SEC}, (mono_t){120 * SEC});     /* of 20 s */
    mono_t now = {160 * SEC};
    assert_true(window_sum(w, now, DUR_S(60)).lost == 60);
    assert_true(window_sum(w, now, DUR_S(45)).lost == 15); /* 5 of its 20 s */
    assert_true(window_sum(w, now, DUR_S(40)).lost == 0);
    window_save(w, now, (wall_t){1000 * SEC}, &s);
    window_free(&w);
    w = window_restore(s.s, s.len, DUR_S(1), now, (wall_t){1000 * SEC}, &e);
    assert_non_null(w);
    assert_true(window_sum(w, now, DUR_S(60)).lost == 60);
    for (int i = 0; i < 100; i++) {
        now.ns += 20 * SEC;
        window_lost(w, (mono_t){now.ns - SEC}, now, 1);
    }
    assert_true(window_sum(w, now, WINDOW_MAX).lost == 160);
    str_fini(&s);
    window_free(&w);
}

/* a restarted agent knows what it knew, and that it knows nothing of the time between */
static void test_restart(void **state)
{
    (void)state;
    struct err e;
    struct str s = STR_INIT;
    mono_t t = {100 * SEC};
    struct window *w = window_new(DUR_S(1), (mono_t){SEC});
    window_add(w, t, 90, 10);
    window_save(w, t, (wall_t){1000 * SEC}, &s);
    window_free(&w);
    mono_t other = {7 * SEC}; /* another boot */
    w = window_restore(s.s, s.len, DUR_S(1), other, (wall_t){1020 * SEC}, &e);
    assert_non_null(w);
    struct window_sum sum = window_sum(w, other, DUR_S(60));
    assert_true(sum.ok == 90 && sum.err == 10);
    assert_int_equal(sum.unknown.ns, 20 * SEC);
    assert_int_equal(window_since_ok(w, other).ns, 20 * SEC);
    assert_int_equal(window_age(w, other).ns, 119 * SEC);
    window_free(&w);
    w = window_restore(s.s, s.len, DUR_S(1), other, (wall_t){10 * SEC},
                       &e); /* the clock went back */
    assert_int_equal(window_sum(w, other, DUR_S(60)).unknown.ns, 0);
    window_free(&w);
    w = window_restore(s.s, s.len, DUR_S(1), other, (wall_t){INT64_MAX}, &e);
    sum = window_sum(w, other, WINDOW_MAX);
    assert_true(sum.ok == 0 && sum.unknown.ns == WINDOW_MAX.ns);
    window_free(&w);
    assert_null(window_restore(s.s, s.len, DUR_S(2), other, (wall_t){0}, &e));
    assert_string_equal(e.msg, "the saved window has other cells");
    for (size_t i = 0; i < s.len; i += 7) {
        s.s[i] ^= 0x20;
        w = window_restore(s.s, s.len, DUR_S(1), other, (wall_t){2000 * SEC}, &e);
        assert_true(!w || (i >= 16 && i < 24)); /* the wall clock's stamp alone may be anything */
        window_free(&w);
        s.s[i] ^= 0x20;
    }
    for (size_t n = 0; n < s.len; n += 13)
        assert_null(window_restore(s.s, n, DUR_S(1), other, (wall_t){2000 * SEC}, &e));
    str_fini(&s);
}

static struct hist got, want;

static void test_timers(void **state)
{
    (void)state;
    struct timers *t = timers_new(DUR_S(1), (mono_t){SEC});
    struct err e;
    hist_clear(&want);
    for (int64_t s = 1; s <= 7200; s++) {
        timers_add(t, (mono_t){s * SEC}, s * 1000000, 2);
        if (s > 7200 - 240)
            hist_add(&want, s * 1000000, 2);
    }
    mono_t now = {7200 * SEC + SEC - 1};
    timers_sum(t, now, DUR_S(240), &got);
    assert_in_range(got.n, 480, 482);
    assert_int_equal(hist_quantile(&got, 950000), hist_quantile(&want, 950000));
    timers_sum(t, now, DUR_S(3600), &got);
    assert_in_range(got.n, 7195, 7205);
    timers_sum(t, now, TIMERS_MAX, &got);
    assert_int_equal(got.n, 14400);
    struct str s = STR_INIT;
    timers_save(t, now, (wall_t){SEC}, &s);
    timers_free(&t);
    t = timers_restore(s.s, s.len, DUR_S(1), (mono_t){99 * SEC}, (wall_t){61 * SEC}, &e);
    assert_non_null(t);
    timers_sum(t, (mono_t){99 * SEC}, DUR_S(300), &got);
    assert_in_range(got.n, 480, 482); /* 60 s have passed */
    timers_free(&t);
    assert_null(timers_restore(s.s, s.len, DUR_S(5), (mono_t){SEC}, (wall_t){SEC}, &e));
    assert_null(timers_restore(s.s, s.len - 1, DUR_S(1), (mono_t){SEC}, (wall_t){SEC}, &e));
    s.s[s.len - 9] ^= 1;
    assert_null(timers_restore(s.s, s.len, DUR_S(1), (mono_t){SEC}, (wall_t){SEC}, &e));
    str_fini(&s);
}

RUN(TEST(test_walk), TEST(test_does_not_breathe), TEST(test_time), TEST(test_darks),
    TEST(test_lost), TEST(test_restart), TEST(test_timers))
