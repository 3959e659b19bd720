/* Histograms: the promised error, merging, quantiles beside an exact model, the packed form. */
#include "alerts/rules/hist.h"
#include "supervisor/base/rng.h"

#include "unit.h"

static struct hist a, b;

/* every value between 1 us and 1 h comes back within 1 % */
static void test_error(void **state)
{
    (void)state;
    double worst = 0;
    for (double v = 1100; v < 3.6e12; v *= 1.0009) {
        hist_clear(&a);
        hist_add(&a, (int64_t)v, 1);
        double off = ((double)hist_quantile(&a, 500000) - v) / v;
        off = off < 0 ? -off : off;
        worst = off > worst ? off : worst;
    }
    assert_true(worst < 0.01);
    assert_true(worst > 0.005); /* else the steps are finer than they need to be */
}

static int by_value(const void *x, const void *y)
{
    int64_t p = *(const int64_t *)x, q = *(const int64_t *)y;
    return p < q ? -1 : p > q;
}

static void test_quantiles(void **state)
{
    (void)state;
    enum { N = 5000 };
    static int64_t v[N];
    static const int32_t qs[] = {1, 10000, 500000, 950000, 990000, 999000, 1000000};
    struct rng r;
    rng_seed(&r, 4);
    hist_clear(&a);
    for (int i = 0; i < N; i++) {
        v[i] = (int64_t)(1024 + rng_below(&r, UINT64_C(1) << (12 + rng_below(&r, 28))));
        hist_add(&a, v[i], 1);
    }
    qsort(v, N, sizeof(v[0]), by_value);
    for (size_t i = 0; i < COUNT(qs); i++) {
        size_t rank = ((size_t)qs[i] * N + 999999) / 1000000;
        double exact = (double)v[rank - 1], got = (double)hist_quantile(&a, qs[i]);
        if (got < exact * 0.99 || got > exact * 1.01)
            fail_msg("q %d: %.0f, not %.0f", qs[i], got, exact);
    }
    uint64_t above = 0;
    for (int i = 0; i < N; i++)
        above += v[i] > 100000000;
    int64_t off = (int64_t)hist_above(&a, 100000000) - (int64_t)above;
    assert_in_range(off + 50, 0, 100);
}

static void test_ends(void **state)
{
    (void)state;
    hist_clear(&a);
    assert_int_equal(hist_quantile(&a, 500000), 0);
    hist_add(&a, -5, 1);
    hist_add(&a, 0, 1);
    assert_int_equal(hist_quantile(&a, 1000000), HIST_MIN_NS);
    hist_add(&a, INT64_MAX, 3);
    assert_true(hist_quantile(&a, 1000000) > INT64_C(3600000000000));
    assert_int_equal(hist_above(&a, INT64_C(3600000000000)), 3);
    assert_int_equal(hist_above(&a, INT64_MAX), 0);
    hist_add(&a, 5000000, UINT32_MAX); /* counters saturate */
    hist_add(&a, 5000000, UINT32_MAX);
    assert_int_equal(a.n, UINT64_C(5) + 2 * (uint64_t)UINT32_MAX);
}

static void test_merge_and_pack(void **state)
{
    (void)state;
    static uint8_t buf[HIST_PACKED_MAX];
    struct rng r;
    rng_seed(&r, 9);
    for (int round = 0; round < 50; round++) {
        hist_clear(&a);
        for (uint64_t i = rng_below(&r, 300); i > 0; i--)
            hist_add(&a, (int64_t)rng_below(&r, UINT64_C(1) << (10 + rng_below(&r, 33))),
                     (uint32_t)(1 + rng_below(&r, 1000000)));
        hist_clear(&b);
        assert_true(hist_unpack(&b, buf, hist_pack(&a, buf)));
        assert_memory_equal(&a, &b, sizeof(a));
        hist_merge(&b, &a);
        assert_int_equal(b.n, 2 * a.n);
        assert_int_equal(hist_quantile(&b, 900000), hist_quantile(&a, 900000));
        hist_clear(&b);
        hist_merge_share(&b, &a, 0.25);
        assert_in_range((int64_t)b.n * 4 + 4 - (int64_t)a.n, 0, 8);
    }
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        a.c[i] = UINT32_MAX;
    a.n = 1;
    assert_in_range(hist_pack(&a, buf), HIST_BUCKETS * 6, HIST_PACKED_MAX);
}

static void test_damaged(void **state)
{
    (void)state;
    static const uint8_t zero[] = {0, 0}, half[] = {1}, far[] = {0xff, 0x7f, 1},
                         endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    hist_clear(&a);
    assert_false(hist_unpack(&a, zero, sizeof(zero)));
    assert_false(hist_unpack(&a, half, sizeof(half)));
    assert_false(hist_unpack(&a, far, sizeof(far)));
    assert_false(hist_unpack(&a, endless, sizeof(endless)));
    assert_true(hist_unpack(&a, zero, 0));
}

RUN(TEST(test_error), TEST(test_quantiles), TEST(test_ends), TEST(test_merge_and_pack),
    TEST(test_damaged))
