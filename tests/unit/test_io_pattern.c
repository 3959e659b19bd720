/* Patterns: matches, errors with their offset, the literal, and what a hostile one may cost. */
#include "supervisor/base/mono.h"
#include "supervisor/base/rng.h"
#include "supervisor/io/pattern.h"

#include "unit.h"

#include <time.h>

static const struct {
    const char *pattern, *literal;
} literals[] = {
    {"ERROR", "ERROR"},
    {"\\bERROR\\b", "ERROR"},
    {"level=(warn|error) code", "level="},
    {"status=5\\d\\d took", "status=5"},
    {"a|b", ""},
    {"(a|b)", ""},
    {"ab?cde", "cde"},
    {"abc+de", "abc"},
    {"abcd{2}e", "abc"},
    {"ab{0,3}c", "a"},
    {"(?i)error", ""},
    {"x(?i:error)", ""},
    {"(?x) a b", ""},
    {"(?:no)?yes", "yes"},
    {"(?<!no)yes", "yes"},
    {"yes(?=.*no)", "yes"},
    {"[abc]def", "def"},
    {"[]abc]def", "def"},
    {"[^]\\]]def", "def"},
    {"[[:alpha:]]def", ""},
    {"\\Qa|b\\E", ""},
    {"a\\.b\\|c", "a.b|c"},
    {"(*ANYCRLF)abc", ""},
    {"(a(*ACCEPT)b)cdef", ""},
    {"\\x41bc", ""},
    {"(\\c))abc", ""},
    {"", ""},
    {"^$", ""},
    {"k\xc3\xb6?ln", "ln"},
    {"k\xc3\xb6ln", "ln"},
};

static void test_literals(void **state)
{
    (void)state;
    struct err e;
    for (size_t i = 0; i < COUNT(literals); i++) {
        struct pattern *p = pattern_new(literals[i].pattern, &e);
        size_t n;
        if (!p)
            fail_msg("%s", e.msg);
        const char *l = pattern_literal(p, &n);
        if (n != strlen(literals[i].literal) || memcmp(l, literals[i].literal, n) != 0)
            fail_msg("%s: '%.*s'", literals[i].pattern, (int)n, l);
        pattern_free(&p);
    }
}

/* The search for the literal finds what memmem does, wherever it is. */
static void test_maybe(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "ab", "aba", "abcab", "aaaaaaaaaaaaaaaaab"};
    struct rng r;
    struct err e;
    rng_seed(&r, 7);
    for (int i = 0; i < 50000; i++) {
        char text[80];
        size_t n = (size_t)rng_below(&r, sizeof(text) + 1);
        const char *word = words[(size_t)i % COUNT(words)];
        for (size_t k = 0; k < n; k++)
            text[k] = "aaaabc"[(size_t)rng_below(&r, 6)];
        struct pattern *p = pattern_new(word, &e);
        assert_ptr_equal(pattern_maybe(p, text, n), memmem(text, n, word, strlen(word)));
        pattern_free(&p);
    }
}

static bool matches(const char *pattern, const char *text)
{
    struct err e;
    struct pattern *p = pattern_new(pattern, &e);
    assert_non_null(p);
    int r = pattern_match(p, text, strlen(text));
    assert_true(r >= 0);
    pattern_free(&p);
    return r;
}

static void test_match(void **state)
{
    (void)state;
    assert_true(matches("\\b5\\d\\d\\b", "GET / 503"));
    assert_false(matches("\\b5\\d\\d\\b", "GET / 200"));
    assert_true(matches("^done$", "done"));
    assert_true(matches("(?i)error", "An ERROR"));
    assert_true(matches("k\xc3\xb6", "k\xc3\xb6ln"));
    assert_true(matches("k.ln", "k\xc3\xb6ln"));
    assert_true(matches("ab$", "\xff\xfe ab")); /* bytes that are no UTF-8 match nothing */
    assert_false(matches("a.b", "a\xff"
                                "b"));
    assert_true(matches("", ""));
}

static void test_errors(void **state)
{
    (void)state;
    struct err e;
    assert_null(pattern_new("a(b", &e));
    assert_string_equal(e.msg,
                        "the pattern is wrong at its character 4: missing closing parenthesis");
}

/* each match is given up after a bounded effort, and the next one works */
static void test_bounded(void **state)
{
    (void)state;
    struct err e;
    char text[201];
    struct pattern *p = pattern_new("(a+)+$", &e);
    memset(text, 'a', 200);
    text[199] = '!';
    mono_t start = mono_now();
    for (int i = 0; i < 10; i++)
        assert_int_equal(pattern_match(p, text, 200), -1);
    assert_true(mono_sub(mono_now(), start).ns < DUR_S(5).ns);
    assert_int_equal(pattern_match(p, "aaa", 3), 1);
    pattern_free(&p);
    pattern_free(&p);
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* PCRE2 counts its steps for each place anew: what takes few steps a place may take hours in all.
 * The budget is some 13 ms of CPU; the limit here leaves room for a machine that counts in what
 * others took. */
static void test_bounded_over_all_places(void **state)
{
    (void)state;
    static const char *const hostile[] = {"[0-9]+[0-9]+\\s$",  "\\w+\\w+\\s$",
                                          "(?=.*.*.*[!])",     "\\d[^x]*+\\d",
                                          "^\\w+\\w+\\w+\\s$", ".*\\d.*\\d.*\\s$"};
    static char text[256 * 1024];
    struct err e;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('1' + i % 7);
    for (size_t i = 0; i < COUNT(hostile); i++) {
        struct pattern *p = pattern_new(hostile[i], &e);
        int64_t start = cpu_ns();
        int found = pattern_match(p, text, sizeof(text));
        int64_t took = cpu_ns() - start;
        assert_int_not_equal(found, 1); /* a fast machine gets to the end of some: 0 */
        if (took > 500000000)
            fail_msg("%s took %d ms", hostile[i], (int)(took / 1000000));
        pattern_free(&p);
    }
}

/* found, or not, wherever it stands in a long text: it is tried piece by piece */
static void test_long_texts(void **state)
{
    (void)state;
    static char text[100000];
    struct err e;
    struct pattern *any = pattern_new("(?<=ab)[xX]y$", &e), *first = pattern_new("^[xX]y", &e);
    struct pattern *here = pattern_new("\\G[xX]y", &e), *wide = pattern_new("[\xc3\xb6]!", &e);
    for (size_t at = 0; at < 3000; at += 7) {
        memset(text, 'k', sizeof(text));
        memcpy(text + at, "abxy", 4);
        assert_int_equal(pattern_match(any, text, at + 4), 1);
        assert_int_equal(pattern_match(any, text, at + 5), 0);
        assert_int_equal(pattern_match(first, text, sizeof(text)), 0);
        assert_int_equal(pattern_match(here, text, sizeof(text)), 0);
        for (size_t i = 0; i < at; i++)
            text[i] = "\xc3\xb6"[i % 2];
        memcpy(text + at, "\xc3\xb6!", 3);
        assert_int_equal(pattern_match(wide, text, sizeof(text)), 1);
    }
    pattern_free(&any);
    pattern_free(&first);
    pattern_free(&here);
    pattern_free(&wide);
}

RUN(TEST(test_literals), TEST(test_maybe), TEST(test_match), TEST(test_errors), TEST(test_bounded),
    TEST(test_bounded_over_all_places), TEST(test_long_texts))
