/* Numbers, escapes, globs, suggestions, UTF-8, signal names. */
#include "tests/unit/unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/base/text.h"

#include <fnmatch.h>
#include <signal.h>

static void numbers(void **state)
{
    (void)state;
    int64_t n = 0;
    struct err e;
    assert_int_equal(text_int("42", 0, 100, &n, &e), 0);
    assert_int_equal(n, 42);
    assert_int_equal(text_int("-9223372036854775808", INT64_MIN, 0, &n, &e), 0);
    assert_true(n == INT64_MIN);
    assert_int_equal(text_int("+007", 0, 7, &n, &e), 0);
    assert_int_equal(n, 7);
    static const char *const bad[] = {"", "-", "+", "1x", " 1", "1 ", "0x10", "1.0", "--1", "1\n"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(text_int(bad[i], 0, 100, &n, &e), -1);
        assert_non_null(strstr(e.msg, "not a number"));
    }
    assert_int_equal(text_int("101", 0, 100, &n, &e), -1);
    assert_string_equal(e.msg, "101 is not between 0 and 100");
    assert_int_equal(text_int("9223372036854775808", INT64_MIN, INT64_MAX, &n, &e), -1);
    assert_int_equal(n, 7);
}

static void escapes(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    text_escape(&s, "a b\\c\n\t\x01\x7f\xc3\xa4\0z", 13, false);
    assert_string_equal(str_text(&s), "a b\\\\c\\n\\t\\x01\\x7f\xc3\xa4\\x00z");
    str_clear(&s);
    text_escape(&s, "a b", 3, true);
    assert_string_equal(str_text(&s), "a\\x20b");
    str_fini(&s);
}

static void bad_escapes(void **state)
{
    (void)state;
    static const char *const bad[] = {"\\",   "a\\",   "\\q",   "\\x",
                                      "\\x1", "\\xg1", "\\x1g", "\\\\\\"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char *p = strdup(bad[i]);
        assert_int_equal(text_unescape(p, strlen(p)), -1);
        free(p);
    }
}

static void escape_round_trip(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 3);
    for (int i = 0; i < 20000; i++) {
        char raw[40];
        size_t n = rng_below(&r, sizeof(raw));
        for (size_t k = 0; k < n; k++)
            raw[k] = (char)(rng_below(&r, 2) ? rng_below(&r, 256) : (uint64_t) "\\ntx0a \n"[k % 8]);
        struct str s = STR_INIT;
        bool blanks = i & 1;
        text_escape(&s, raw, n, blanks);
        for (size_t k = 0; k < s.len; k++)
            assert_true((unsigned char)s.s[k] >= (blanks ? 0x21 : 0x20));
        assert_int_equal(text_unescape(s.s ? s.s : (char[1]){0}, s.len), n);
        assert_memory_equal(str_text(&s), raw, n);
        str_fini(&s);
    }
}

static const struct {
    const char *pattern, *text;
    bool match;
} globs[] = {
    {"web_*", "web_01", true},
    {"web_*", "web", false},
    {"*", "", true},
    {"?", "", false},
    {"a?c", "abc", true},
    {"[a-c]x", "bx", true},
    {"[!a-c]x", "bx", false},
    {"[^a-c]x", "dx", true},
    {"[]]", "]", true},
    {"[a-]", "-", true},
    {"a[", "a[", true},
    {"\\*", "*", true},
    {"\\*", "x", false},
    {"*a*b*c*", "xxaxxbxxc", true},
    {"", "", true},
    {"", "x", false},
    {"group:*", "group:web_1", true},
    {".*", ".x", true},
    {"*", ".x/y", true},
    {"\\[a]", "[a]", true},
    {"[\xc3-\xc5]", "\xc4", true},
};

static void glob_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(globs); i++)
        if (text_glob(globs[i].pattern, globs[i].text) != globs[i].match)
            fail_msg("%s against %s", globs[i].pattern, globs[i].text);
    assert_true(text_has_glob("a*") && text_has_glob("a?") && text_has_glob("[a"));
    assert_false(text_has_glob("web:01"));
}

static void word(struct rng *r, const char *letters, size_t most, char *out)
{
    size_t n = rng_below(r, most + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = letters[rng_below(r, strlen(letters))];
    out[n] = '\0';
}

/* the C library's fnmatch is the judge */
static void glob_like_fnmatch(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 4);
    for (int i = 0; i < 400000; i++) {
        char pattern[16], text[12];
        word(&r, i & 1 ? "aab*?" : "abc*?[]!-^", 10, pattern);
        word(&r, "aabc[-]!", 8, text);
        if (text_glob(pattern, text) != (fnmatch(pattern, text, 0) == 0))
            fail_msg("pattern '%s', text '%s': we say %d", pattern, text, text_glob(pattern, text));
    }
}

/* a pattern of many stars must not take exponential time */
static void glob_is_quick(void **state)
{
    (void)state;
    char text[20001];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(text_glob("*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

/* the definition, without a table: the fewest edits from a to b, neighbours swapped included */
static unsigned edits(const char *a, const char *b)
{
    if (!*a || !*b)
        return (unsigned)(strlen(a) + strlen(b));
    unsigned best = edits(a + 1, b + 1) + (*a != *b);
    unsigned del = edits(a + 1, b) + 1, add = edits(a, b + 1) + 1;
    best = del < best ? del : best;
    best = add < best ? add : best;
    if (a[1] && b[1] && a[0] == b[1] && a[1] == b[0]) {
        unsigned swap = edits(a + 2, b + 2) + 1;
        best = swap < best ? swap : best;
    }
    return best;
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(text_distance("command", "comand", 2), 1);
    assert_int_equal(text_distance("command", "COMMAND", 2), 0);
    assert_int_equal(text_distance("autostart", "autosatrt", 2), 1);
    assert_int_equal(text_distance("program", "", 2), 3);
    assert_int_equal(text_distance("", "", 2), 0);
    struct rng r;
    rng_seed(&r, 5);
    for (int i = 0; i < 3000; i++) {
        char a[8], b[8];
        word(&r, "abc", 6, a);
        word(&r, "abc", 6, b);
        unsigned limit = (unsigned)rng_below(&r, 7), want = edits(a, b);
        assert_int_equal(text_distance(a, b, limit), want > limit ? limit + 1 : want);
    }
    char far[200];
    memset(far, 'x', sizeof(far) - 1);
    far[sizeof(far) - 1] = '\0';
    assert_int_equal(text_distance(far, "x", 2), 3);
}

/* the code point that n bytes encode, or -1: by the definition of UTF-8 */
static long decode(const unsigned char *p, size_t n)
{
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0}, mask[] = {0, 0, 0xe0, 0xf0, 0xf8};
    if (n == 1)
        return p[0] < 0x80 ? p[0] : -1;
    long code = p[0] & ~mask[n] & 0xff;
    if ((p[0] & mask[n]) != lead[n])
        return -1;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return -1;
        code = code << 6 | (p[i] & 0x3f);
    }
    return code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? -1 : code;
}

static bool one_character(const unsigned char *p, size_t n)
{
    return decode(p, n) >= 0;
}

static void utf8_all_short_sequences(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 0x1000000; v += v < 0x20000 ? 1 : 7) {
        unsigned char p[3] = {(unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
        size_t want = 0;
        for (size_t n = 1; n <= 3 - want;)
            if (one_character(p + want, n)) {
                want += n;
                n = 1;
            } else {
                n++;
            }
        if (text_utf8_valid((const char *)p, 3) != want)
            fail_msg("%02x %02x %02x: %zu, not %zu", p[0], p[1], p[2],
                     text_utf8_valid((const char *)p, 3), want);
    }
}

static void put_in_brackets(struct str *out, const char *p, size_t n)
{
    str_printf(out, "[%.*s]", (int)n, p);
}

/* Runs of what is UTF-8 go to put, each byte that is none becomes U+FFFD. */
static void utf8_in_runs(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"ab\xc3\xa4", "[ab\xc3\xa4]"},
        {"a\xff\xfe"
         "b",
         "[a]\xef\xbf\xbd[]\xef\xbf\xbd[b]"},
        {"\xc3", "[]\xef\xbf\xbd"},
        {"a\xe2\x82", "[a]\xef\xbf\xbd[]\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str out = STR_INIT;
        text_put_utf8(&out, rows[i].in, strlen(rows[i].in), put_in_brackets);
        assert_string_equal(str_text(&out), rows[i].out);
        str_fini(&out);
    }
}

static void utf8_four_bytes(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 6);
    for (int i = 0; i < 200000; i++) {
        unsigned char p[4];
        p[0] = (unsigned char)(0xf0 + rng_below(&r, 16));
        for (int k = 1; k < 4; k++)
            p[k] = (unsigned char)(0x80 + rng_below(&r, 0x44));
        assert_int_equal(text_utf8_valid((const char *)p, 4), one_character(p, 4) ? 4 : 0);
    }
    assert_int_equal(text_utf8_valid("abc\xf0\x9f\x98", 6), 3); /* cut in the middle */
    assert_int_equal(text_utf8_valid("", 0), 0);
}

static void signals(void **state)
{
    (void)state;
    char buf[24];
    assert_string_equal(text_signal_name(15, buf, sizeof(buf)), "SIGTERM");
    assert_string_equal(text_signal_name(37, buf, sizeof(buf)), "SIGRTMIN+3");
    assert_string_equal(text_signal_name(70, buf, sizeof(buf)), "signal 70");
    assert_string_equal(text_signal_name(0, buf, sizeof(buf)), "signal 0");
    assert_string_equal(text_signal_name(-1, buf, sizeof(buf)), "signal -1");
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (strncmp(text_signal_name(sig, buf, sizeof(buf)), "SIG", 3) == 0)
            assert_int_equal(text_signal_number(buf), sig);
    const struct {
        const char *text;
        int sig;
    } rows[] = {
        {"TERM", SIGTERM},
        {"term", SIGTERM},
        {"sigusr1", SIGUSR1},
        {"9", 9},
        {"0", 0},
        {"IOT", SIGABRT},
        {"CLD", SIGCHLD},
        {"POLL", SIGIO},
        {"IO", SIGIO},
        {"SIGIO", SIGIO},
        {"RTMIN", SIGRTMIN},
        {"rtmin+2", SIGRTMIN + 2},
        {"SIGRTMAX", SIGRTMAX},
        {"", -1},
        {"SIG", -1},
        {"SIGSIGTERM", -1},
        {"TERM ", -1},
        {"-1", -1},
        {"65", -1},
        {"RTMIN+", -1},
        {"RTMIN+99", -1},
        {"RTMIN-1", -1},
        {"RTMINX", -1},
        {"nonsense", -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (text_signal_number(rows[i].text) != rows[i].sig)
            fail_msg("'%s' gives %d", rows[i].text, text_signal_number(rows[i].text));
}

RUN(TEST(numbers), TEST(escapes), TEST(bad_escapes), TEST(escape_round_trip), TEST(glob_rows),
    TEST(glob_like_fnmatch), TEST(glob_is_quick), TEST(distances), TEST(utf8_all_short_sequences),
    TEST(utf8_four_bytes), TEST(utf8_in_runs), TEST(signals))
