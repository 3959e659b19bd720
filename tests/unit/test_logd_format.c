/* What output looks like in its sink: prefix, JSON, stripped, marks of drops, syslog lines. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/logd/format.h"
#include "supervisor/logd/syslog.h"

#include <time.h>

static const struct format plain = {
    .program = "web", .process = "web_01", .channel = "stdout", .wall_ns = 1795453582542000000};

#define ALL SIZE_MAX

static size_t run(const struct format *f, const char *in, size_t n, bool flush, struct str *out)
{
    str_clear(out);
    return format_bytes(f, in, n, flush, out);
}

static void expect(const struct format *f, const char *in, bool flush, size_t took,
                   const char *want)
{
    struct str out = STR_INIT;
    assert_int_equal(run(f, in, strlen(in), flush, &out), took == ALL ? strlen(in) : took);
    assert_string_equal(str_text(&out), want);
    str_fini(&out);
}

static void test_time(void **state)
{
    (void)state;
    char buf[48];
    assert_string_equal(format_time(1795453582542000000, buf, sizeof(buf)),
                        "2026-11-23T18:06:22.542+01:00");
    assert_string_equal(format_time(0, buf, sizeof(buf)), "1970-01-01T01:00:00.000+01:00");
}

static void test_prefix(void **state)
{
    (void)state;
    struct format f = plain;
    f.prefix = true;
#define P "2026-11-23T18:06:22.542+01:00 web_01 stdout "
    expect(&f, "one\ntwo\n", false, 8, P "| one\n" P "| two\n");
    expect(&f, "one\npart", false, 4, P "| one\n");
    expect(&f, "one\npart", true, 8, P "| one\n" P "+ part\n");
    expect(&f, "\n", false, 1, P "| \n");
    expect(&f, "", true, 0, "");
}

static void test_tag(void **state)
{
    (void)state;
    struct format f = plain;
    f.tag = true;
    assert_true(format_needed(&f));
    expect(&f, "one\n\ntwo\npart", false, 9,
           "web_01 stdout | one\nweb_01 stdout | \nweb_01 stdout | two\n");
    expect(&f, "part", true, 4, "web_01 stdout + part\n");
    f.strip = true;
    expect(&f, "\x1b[1mone\x1b[0m\n", false, 12, "web_01 stdout | one\n");
}

static void test_json(void **state)
{
    (void)state;
    struct format f = plain;
    f.json = true;
#define J                                                                                          \
    "{\"time\":\"2026-11-23T18:06:22.542+01:00\",\"program\":\"web\",\"process\":\"web_01\","      \
    "\"stream\":\"stdout\","
    expect(&f, "a\"b\\c\td\x01\n", false, 9, J "\"message\":\"a\\\"b\\\\c\\td\\u0001\"}\n");
    expect(&f, "crlf\r\n", false, 6, J "\"message\":\"crlf\"}\n");
    expect(&f, "bad \xff\xc3 \xc3\xa4\n", false, 10,
           J "\"message\":\"bad \xef\xbf\xbd\xef\xbf\xbd \xc3\xa4\"}\n");
    expect(&f, "part", true, 4, J "\"partial\":true,\"message\":\"part\"}\n");
}

static void test_strip(void **state)
{
    (void)state;
    struct format f = plain;
    f.strip = true;
    expect(&f, "\x1b[1;31mred\x1b[0m\n", false, ALL, "red\n");
    expect(&f, "a\x1b", false, 1, "a");
    expect(&f, "a\x1b[3", false, 1, "a");
    expect(&f, "a\x1b[3", true, 4, "a\x1b[3");
    expect(&f, "a\x1b]title", false, 8, "a\x1b]title");
    expect(&f, "\x1b[12\nx", false, 6, "\x1b[12\nx");
    expect(&f, "\x1b[0000000000000000000000000000000000000m", false, ALL,
           "\x1b[0000000000000000000000000000000000000m");
}

static void test_long_line_is_cut_into_parts(void **state)
{
    (void)state;
    struct format f = plain;
    struct str out = STR_INIT;
    size_t n = 2 * FORMAT_LINE_MAX + 10;
    char *in = malloc(n + 1);
    memset(in, 'x', n);
    in[n] = '\n';
    f.prefix = true;
    assert_int_equal(run(&f, in, n, false, &out), 2 * FORMAT_LINE_MAX);
    assert_int_equal(run(&f, in, n + 1, false, &out), n + 1);
    char want[32];
    snprintf(want, sizeof(want), "web_01 stdout | %.10s\n", in);
    assert_non_null(strstr(str_text(&out), want));
    assert_non_null(strstr(str_text(&out), "web_01 stdout + xxxx"));
    in[FORMAT_LINE_MAX] = '\n'; /* exactly the limit: one whole line */
    assert_int_equal(run(&f, in, FORMAT_LINE_MAX + 1, false, &out), FORMAT_LINE_MAX + 1);
    assert_null(strstr(str_text(&out), " + "));
    free(in);
    str_fini(&out);
}

/* A long line is not cut inside a character, and what is none does not stop it. */
static void test_parts_keep_characters_whole(void **state)
{
    (void)state;
    struct format f = plain;
    struct str out = STR_INIT;
    size_t n = FORMAT_LINE_MAX + 40;
    char *in = malloc(n + 1);
    f.json = true;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(in, 'x', n);
        for (size_t i = shift; i + 4 <= n; i += 4)
            memcpy(in + i, "\xf0\x9f\x90\xb1", 4);
        in[n] = '\n';
        assert_int_equal(run(&f, in, n + 1, false, &out), n + 1);
        assert_null(strstr(str_text(&out), "\xef\xbf\xbd"));
        assert_non_null(strstr(str_text(&out), "\"partial\":true"));
    }
    memset(in, 0x80, n);
    assert_int_equal(run(&f, in, n + 1, false, &out), n + 1);
    memset(in, 0xf0, n);
    assert_int_equal(run(&f, in, n + 1, false, &out), n + 1);
    free(in);
    str_fini(&out);
}

static void test_dropped(void **state)
{
    (void)state;
    struct format f = plain;
    struct str out = STR_INIT;
    format_dropped(&f, 12, 345, &out);
    assert_string_equal(str_text(&out), "[supd: 12 lines, 345 bytes of web_01 stdout dropped]\n");
    str_clear(&out);
    f.json = true;
    format_dropped(&f, 1, 2, &out);
    assert_string_equal(str_text(&out),
                        J "\"message\":\"[supd: 1 lines, 2 bytes of web_01 stdout dropped]\"}\n");
    str_fini(&out);
}

/* However the bytes are cut into pieces, the lines are the same. */
static void test_pieces_make_no_difference(void **state)
{
    (void)state;
    static const char text[] = "one\ntwo \x1b[31mred\x1b[0m\n\xff\xfe\n\nlast\n";
    struct rng rng;
    struct str whole = STR_INIT, out = STR_INIT, piece = STR_INIT;
    rng_seed(&rng, 1);
    for (int mode = 0; mode < 8; mode++) {
        struct format f = plain;
        f.prefix = mode & 1;
        f.json = mode & 2;
        f.strip = mode & 4;
        run(&f, text, sizeof(text) - 1, false, &whole);
        for (int round = 0; round < 200; round++) {
            str_clear(&out);
            size_t at = 0, end = 0;
            while (at < sizeof(text) - 1) {
                end += rng_below(&rng, 5) + 1;
                end = end > sizeof(text) - 1 ? sizeof(text) - 1 : end;
                at += run(&f, text + at, end - at, false, &piece);
                str_put(&out, piece.s, piece.len);
            }
            assert_string_equal(str_text(&out), str_text(&whole));
        }
    }
    str_fini(&whole);
    str_fini(&out);
    str_fini(&piece);
}

static void test_syslog(void **state)
{
    (void)state;
    struct str out = STR_INIT;
    syslog_format(&out, "supd", "web_01", plain.wall_ns, "hello", 5);
    assert_string_equal(str_text(&out), "<14>Nov 23 18:06:22 supd: web_01 hello");
    str_clear(&out);
    syslog_format(&out, "supervisord", "", 1791149982000000000, "main", 4);
    assert_string_equal(str_text(&out), "<14>Oct  4 23:39:42 supervisord: main");
    char *big = calloc(1, 2 * SYSLOG_LINE_MAX);
    memset(big, 'x', 2 * SYSLOG_LINE_MAX);
    str_clear(&out);
    syslog_format(&out, "s", "n", 0, big, 2 * SYSLOG_LINE_MAX);
    assert_true(out.len < SYSLOG_LINE_MAX + 64);
    free(big);
    str_fini(&out);
}

static int set_zone(void **state)
{
    (void)state;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_time),
        TEST(test_prefix),
        TEST(test_tag),
        TEST(test_json),
        TEST(test_strip),
        TEST(test_syslog),
        TEST(test_long_line_is_cut_into_parts),
        TEST(test_parts_keep_characters_whole),
        TEST(test_dropped),
        TEST(test_pieces_make_no_difference),
    };
    return cmocka_run_group_tests(tests, set_zone, NULL);
}
