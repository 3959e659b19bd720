/* The capture marks are found however the output was cut into reads. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/base/str.h"
#include "supervisor/core/capture.h"

/* Log and captures as text, each END a '|'. */
struct result {
    struct str log, data;
};

static void take(struct result *r, const struct capture_piece *p)
{
    if (p->kind == CAPTURE_PLAIN)
        str_put(&r->log, p->text, p->len);
    else if (p->kind == CAPTURE_DATA)
        str_put(&r->data, p->text, p->len);
    else if (p->kind == CAPTURE_END)
        str_putc(&r->data, '|');
}

static void feed(struct capture *c, const char *p, size_t n, struct result *r)
{
    struct capture_piece piece;
    bool idle = false;
    while (n) {
        size_t used = capture_next(c, p, n, &piece);
        assert_true(used <= n && (used || !idle));
        idle = !used;
        take(r, &piece);
        p += used;
        n -= used;
    }
}

static void check(const char *text, const char *log, const char *data, struct rng *rng)
{
    struct capture c = {0};
    struct capture_piece piece;
    struct result r = {STR_INIT, STR_INIT};
    size_t n = strlen(text);
    for (size_t at = 0, part; at < n; at += part) {
        part = rng ? 1 + (size_t)rng_below(rng, 7) : n;
        part = part < n - at ? part : n - at;
        char *copy = malloc(part); /* a sanitizer sees a look behind its end */
        memcpy(copy, text + at, part);
        feed(&c, copy, part, &r);
        free(copy);
    }
    if (capture_flush(&c, &piece))
        take(&r, &piece);
    assert_false(capture_flush(&c, &piece));
    assert_string_equal(str_text(&r.log), log);
    assert_string_equal(str_text(&r.data), data);
    str_fini(&r.log);
    str_fini(&r.data);
}

#define B CAPTURE_BEGIN_MARK
#define E CAPTURE_END_MARK

static const struct {
    const char *text, *log, *data;
} cases[] = {
    {"", "", ""},
    {"plain\n", "plain\n", ""},
    {"a" B "x" E "b", "ab", "x|"},
    {B E, "", "|"},
    {B "x" E B "y" E, "", "x|y|"},
    {E "text", E "text", ""},
    {B B E, "", B "|"},
    {"<<!--XSUPERVISOR:BEGIN-->z", "<", "z"},
    {"<!--XSUPERVISOR:BEG<!--XSUPERVISOR:BEGIN-->z<!--<" E "<", "<!--XSUPERVISOR:BEG<", "z<!--<|"},
    {"<!--XSUPERVISOR:", "<!--XSUPERVISOR:", ""},
    {B "<!--XSUPERVISOR:EN", "", "<!--XSUPERVISOR:EN"},
    {"<<<<", "<<<<", ""},
};

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(cases[i].text, cases[i].log, cases[i].data, NULL);
}

static void test_cut_at_random(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int turn = 0; turn < 300; turn++)
        for (size_t i = 0; i < COUNT(cases); i++)
            check(cases[i].text, cases[i].log, cases[i].data, &rng);
}

/* Long random texts out of pieces of marks: any cut gives the same as none. */
static void test_any_cut_is_the_same(void **state)
{
    (void)state;
    static const char *const words[] = {B, E, "<", "<!--", "<!--XSUPERVISOR:", "x", "\n", "N-->"};
    struct rng rng;
    rng_seed(&rng, 2);
    for (int turn = 0; turn < 2000; turn++) {
        struct str text = STR_INIT;
        struct result whole = {STR_INIT, STR_INIT};
        struct capture c = {0};
        struct capture_piece piece;
        for (int i = 0; i < 20; i++)
            str_puts(&text, words[rng_below(&rng, COUNT(words))]);
        feed(&c, text.s, text.len, &whole);
        if (capture_flush(&c, &piece))
            take(&whole, &piece);
        check(text.s, str_text(&whole.log), str_text(&whole.data), &rng);
        str_fini(&text);
        str_fini(&whole.log);
        str_fini(&whole.data);
    }
}

RUN(TEST(test_whole), TEST(test_cut_at_random), TEST(test_any_cut_is_the_same))
