/* Units of a memory: none is given twice, and all that are free can be had. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/core/units.h"

#define N 512u

static void test_edges(void **state)
{
    (void)state;
    struct units u;
    assert_true(units_init(&u, N));
    assert_int_equal(units_take(&u, N + 1), -1);
    assert_int_equal(units_take(&u, N), 0);
    assert_int_equal(units_take(&u, 1), -1);
    units_give(&u, 63, 2);
    assert_int_equal(units_take(&u, 3), -1);
    assert_int_equal(units_take(&u, 2), 63);
    units_give(&u, N - 1, 1);
    assert_int_equal(units_take(&u, 1), N - 1);
    units_give(&u, 0, N);
    assert_false(units_claim(&u, N - 1, 2));
    assert_false(units_claim(&u, N, 1));
    assert_true(units_claim(&u, 100, 100));
    assert_false(units_claim(&u, 50, 51));
    assert_false(units_claim(&u, 199, 2));
    assert_true(units_claim(&u, 200, 1));
    units_fini(&u);
}

struct piece {
    uint32_t at, n;
};

static bool can_have(const uint8_t *used, uint32_t n)
{
    uint32_t run = 0;
    for (uint32_t i = 0; i < N && run < n; i++)
        run = used[i] ? 0 : run + 1;
    return run == n;
}

static void test_walk(void **state)
{
    (void)state;
    struct units u;
    struct rng rng;
    static struct piece pieces[N];
    uint8_t used[N] = {0};
    size_t n = 0, refused = 0;
    rng_seed(&rng, 3);
    assert_true(units_init(&u, N));
    for (int i = 0; i < 200000; i++) {
        uint32_t want = 1 + (uint32_t)rng_below(&rng, rng_below(&rng, 10) ? 8 : 200);
        if (rng_below(&rng, 2)) {
            int64_t at = units_take(&u, want);
            assert_int_equal(at >= 0, can_have(used, want));
            refused += at < 0;
            for (uint32_t k = 0; at >= 0 && k < want; k++)
                assert_int_equal(used[(uint32_t)at + k]++, 0);
            if (at >= 0)
                pieces[n++] = (struct piece){(uint32_t)at, want};
        } else if (n) {
            size_t which = (size_t)rng_below(&rng, n);
            struct piece p = pieces[which];
            pieces[which] = pieces[--n];
            units_give(&u, p.at, p.n);
            memset(used + p.at, 0, p.n);
        }
    }
    assert_true(refused > 100);
    units_fini(&u);
}

/* One that is in use for ever does not send the others through all of it. */
static void test_near_the_start(void **state)
{
    (void)state;
    struct units u;
    uint32_t n = 1u << 16, top = 0;
    assert_true(units_init(&u, n));
    assert_int_equal(units_take(&u, 1), 0);
    int64_t last = units_take(&u, 3);
    for (int i = 0; i < 100000; i++) {
        int64_t at = units_take(&u, 3);
        assert_true(at > 0);
        units_give(&u, (uint32_t)last, 3);
        last = at;
        top = (uint32_t)at > top ? (uint32_t)at : top;
    }
    assert_in_range(top, 1000, 1100);
    units_fini(&u);
}

RUN(TEST(test_edges), TEST(test_walk), TEST(test_near_the_start))
