/* Chunks into lines: joined, cut, torn; a random walk beside the whole text. */
#include "alerts/rules/lines.h"
#include "supervisor/base/rng.h"

#include "unit.h"

static struct str got;

static void take(void *obj, const char *p, size_t n)
{
    (void)obj;
    assert_true(n > 0 && p[n - 1] == '\n');
    const char *end = p + n, *line;
    size_t len;
    while ((line = line_next(&p, end, &len))) {
        str_put(&got, line, len);
        str_putc(&got, '|');
    }
}

static void feed(struct lines *l, const char *text)
{
    lines_feed(l, text, strlen(text), take, NULL);
}

static void expect(const char *text)
{
    assert_string_equal(str_text(&got), text);
    str_clear(&got);
}

static void test_joined(void **state)
{
    (void)state;
    struct lines l;
    lines_init(&l);
    feed(&l, "one\ntwo\nthr");
    expect("one|two|");
    feed(&l, "ee");
    feed(&l, "");
    expect("");
    feed(&l, "\n\nfour");
    expect("three||");
    lines_end(&l, take, NULL);
    expect("four|");
    lines_end(&l, take, NULL);
    expect("");
    lines_fini(&l);
}

static void test_torn(void **state)
{
    (void)state;
    struct lines l;
    lines_init(&l);
    feed(&l, "whole\nbegun");
    lines_skip(&l);
    feed(&l, "the rest");
    feed(&l, " of another\nwhole again\nand");
    expect("whole|whole again|");
    assert_int_equal(l.ntorn, 1);
    lines_skip(&l);
    lines_end(&l, take, NULL); /* the process is gone, and so is what it said last */
    expect("");
    feed(&l, "new\n");
    expect("new|");
    lines_fini(&l);
}

static void test_long(void **state)
{
    (void)state;
    struct lines l;
    static char big[3 * LINES_MAX];
    memset(big, 'x', sizeof(big));
    lines_init(&l);
    lines_feed(&l, big, LINES_MAX - 1, take, NULL);
    feed(&l, "yz");
    feed(&l, "z\nnext\n");
    assert_int_equal(got.len, LINES_MAX + 1 + 5);
    assert_int_equal(got.s[LINES_MAX - 1], 'y');
    assert_int_equal(l.ncut, 1);
    str_clear(&got);
    big[2 * LINES_MAX] = '\n'; /* in one chunk the reader of the block cuts it */
    lines_feed(&l, big, 2 * LINES_MAX + 1, take, NULL);
    assert_int_equal(got.len, LINES_MAX + 1);
    str_clear(&got);
    lines_fini(&l);
}

static void test_walk(void **state)
{
    (void)state;
    struct rng r;
    struct lines l;
    struct str want = STR_INIT;
    static char text[20000];
    rng_seed(&r, 5);
    for (int round = 0; round < 200; round++) {
        lines_init(&l);
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = rng_below(&r, 12) ? (char)('a' + rng_below(&r, 26)) : '\n';
        for (size_t at = 0; at < sizeof(text);) {
            size_t n = rng_below(&r, 80);
            n = n < sizeof(text) - at ? n : sizeof(text) - at;
            lines_feed(&l, text + at, n, take, NULL);
            at += n;
        }
        lines_end(&l, take, NULL);
        str_clear(&want);
        for (size_t i = 0; i < sizeof(text); i++)
            str_putc(&want, text[i] == '\n' ? '|' : text[i]);
        if (text[sizeof(text) - 1] != '\n')
            str_putc(&want, '|');
        expect(str_text(&want));
        lines_fini(&l);
    }
    str_fini(&want);
    str_fini(&got);
}

RUN(TEST(test_joined), TEST(test_torn), TEST(test_long), TEST(test_walk))
