/* Deadlines, random numbers and checksums: small arithmetic that everything stands on. */
#include "tests/unit/unit.h"

#include "supervisor/base/crc.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/rng.h"

#include <zlib.h>

static void deadlines(void **state)
{
    (void)state;
    mono_t a = {100}, b = {200};
    assert_int_equal(mono_add(a, (dur_t){50}).ns, 150);
    assert_int_equal(mono_sub(b, a).ns, 100);
    assert_int_equal(mono_sub(a, b).ns, -100);
    assert_true(mono_reached(a, b) && mono_reached(a, a) && !mono_reached(b, a));
    assert_false(mono_reached(MONO_NEVER, b));
    assert_int_equal(mono_min(a, b).ns, 100);
    assert_int_equal(mono_min(b, a).ns, 100);
    assert_int_equal(mono_min(MONO_NEVER, b).ns, 200);
    assert_int_equal(mono_min(b, MONO_NEVER).ns, 200);
    assert_int_equal(mono_min(MONO_NEVER, MONO_NEVER).ns, 0);
}

static void saturation(void **state)
{
    (void)state;
    assert_true(mono_add((mono_t){INT64_MAX - 5}, DUR_MAX).ns == INT64_MAX);
    assert_true(mono_add((mono_t){INT64_MAX}, (dur_t){1}).ns == INT64_MAX);
    assert_true(mono_add(mono_add((mono_t){1}, DUR_MAX), DUR_MAX).ns > 0);
    /* a deadline in the past stays a deadline: 0 would mean never */
    assert_int_equal(mono_add((mono_t){100}, (dur_t){-100}).ns, 1);
    assert_int_equal(mono_add((mono_t){100}, (dur_t){-5000}).ns, 1);
    assert_int_equal(mono_add((mono_t){100}, (dur_t){INT64_MIN}).ns, 1);
}

static void clocks(void **state)
{
    (void)state;
    mono_t a = mono_now(), b = mono_now();
    assert_true(a.ns > 0 && b.ns >= a.ns);
    assert_true(wall_now().ns > INT64_C(1700000000) * 1000000000);
    assert_int_equal(DUR_MS(1500).ns, 1500000000);
    assert_int_equal(DUR_S(3).ns, 3000000000);
}

/* the numbers of SplitMix64's reference code for the seed 1234567 */
static void splitmix(void **state)
{
    (void)state;
    static const uint64_t want[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                    UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                    UINT64_C(16408922859458223821)};
    struct rng r;
    rng_seed(&r, 1234567);
    for (size_t i = 0; i < COUNT(want); i++)
        assert_true(rng_next(&r) == want[i]);
    assert_true(rng_entropy() != rng_entropy());
}

static void below(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 7);
    unsigned seen[10] = {0};
    for (int i = 0; i < 100000; i++)
        seen[rng_below(&r, 10)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_int_equal(rng_below(&r, 0), 0);
    assert_int_equal(rng_below(&r, 1), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void checksums(void **state)
{
    (void)state;
    assert_int_equal(crc32_of("123456789", 9), 0xcbf43926);
    assert_int_equal(crc32_of("", 0), 0);
    struct rng r;
    rng_seed(&r, 8);
    for (int i = 0; i < 2000; i++) {
        unsigned char block[300];
        size_t n = rng_below(&r, sizeof(block));
        for (size_t k = 0; k < n; k++)
            block[k] = (unsigned char)rng_next(&r);
        assert_int_equal(crc32_of(block, n), crc32(0, block, (unsigned)n));
    }
}

RUN(TEST(deadlines), TEST(saturation), TEST(clocks), TEST(splitmix), TEST(below), TEST(checksums))
