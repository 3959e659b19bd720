/* The growing string: appends, its limit, soft failure. */
#include "tests/unit/unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/base/str.h"

static void appends(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    assert_string_equal(str_text(&s), "");
    str_puts(&s, "ab");
    str_putc(&s, 'c');
    str_printf(&s, "-%d-%s", 42, "x");
    str_put(&s, "\0z", 2);
    assert_int_equal(s.len, 10);
    assert_memory_equal(s.s, "abc-42-x\0z", 11);
    assert_false(s.failed);
    str_fini(&s);
    assert_null(s.s);
    assert_int_equal(s.len, 0);
}

static void printf_of_any_length(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    str_printf(&s, "%5000d|", 7);
    assert_int_equal(s.len, 5001);
    assert_string_equal(s.s + 4999, "7|");
    str_fini(&s);
}

static void limit_fails_softly(void **state)
{
    (void)state;
    struct str s;
    str_init(&s, 5);
    str_puts(&s, "12345");
    assert_false(s.failed);
    str_putc(&s, '6');
    assert_true(s.failed);
    assert_string_equal(str_text(&s), "12345");
    str_clear(&s);
    str_puts(&s, "abc");
    assert_false(s.failed);
    str_puts(&s, "def");
    str_puts(&s, "g"); /* would fit, but the text has a hole already */
    assert_true(s.failed);
    assert_string_equal(str_text(&s), "abc");
    str_fini(&s);
    str_puts(&s, "123456");
    assert_true(s.failed); /* fini keeps the limit */
    str_fini(&s);
}

static void absurd_sizes_fail(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    assert_false(str_reserve(&s, SIZE_MAX));
    assert_true(s.failed);
    assert_string_equal(str_text(&s), "");
}

static void drop_and_take(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    str_drop(&s, 3);
    str_puts(&s, "hello world");
    str_drop(&s, 6);
    assert_string_equal(s.s, "world");
    char *p = str_take(&s);
    assert_string_equal(p, "world");
    assert_null(s.s);
    free(p);
    p = str_take(&s);
    assert_string_equal(p, "");
    free(p);
    str_puts(&s, "x");
    str_drop(&s, 99);
    assert_string_equal(s.s, "");
    str_fini(&s);
}

/* random appends and drops against a plain array */
static void random_walk(void **state)
{
    (void)state;
    static char model[200000];
    size_t n = 0;
    struct str s = STR_INIT;
    struct rng r;
    rng_seed(&r, 1);
    for (int i = 0; i < 20000; i++) {
        size_t k = rng_below(&r, 40);
        if (rng_below(&r, 3) && n + k < sizeof(model)) {
            char c = (char)rng_below(&r, 256);
            memset(model + n, c, k);
            n += k;
            for (size_t j = 0; j < k; j++)
                str_putc(&s, c);
        } else {
            k = k < n ? k : n;
            memmove(model, model + k, n - k);
            n -= k;
            str_drop(&s, k);
        }
        assert_int_equal(s.len, n);
    }
    assert_memory_equal(s.s, model, n);
    assert_int_equal(s.s[n], 0);
    str_fini(&s);
}

RUN(TEST(appends), TEST(printf_of_any_length), TEST(limit_fails_softly), TEST(absurd_sizes_fail),
    TEST(drop_and_take), TEST(random_walk))
