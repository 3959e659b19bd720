/* The control protocol's lines: what is written reads back the same, limits hold, nothing crashes.
 */
#include "supervisor/base/rng.h"
#include "supervisor/core/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* cuts text as a request; returns the number of fields */
static int64_t split(char *buf, const char *text, char **fields, size_t max)
{
    memcpy(buf, text, strlen(text) + 1);
    return wire_split(buf, strlen(text), fields, max, NULL);
}

static void test_split_separators(void **state)
{
    (void)state;
    char buf[64], *f[8];
    assert_int_equal(split(buf, "a  ping   x", f, 8), 3);
    assert_string_equal(f[2], "x");
    assert_int_equal(split(buf, "  a\tping\t\tx  ", f, 8), 4);
    assert_string_equal(f[2], "");
    assert_string_equal(f[3], "x");
    assert_int_equal(split(buf, "a \t ping", f, 8), 2);
    assert_string_equal(f[1], "ping");
    assert_int_equal(split(buf, "a\tping\t", f, 8), 3);
    assert_string_equal(f[2], "");
    assert_int_equal(split(buf, "", f, 8), 0);
    assert_int_equal(split(buf, "   ", f, 8), 0);
}

static void test_split_escapes(void **state)
{
    (void)state;
    char buf[64], *f[8];
    assert_int_equal(split(buf, "a v one\\x20two\\n\\t\\\\", f, 8), 3);
    assert_string_equal(f[2], "one two\n\t\\");
    assert_int_equal(split(buf, "a v bad\\q", f, 8), -1);
    assert_string_equal(f[0], "a");
    assert_int_equal(split(buf, "a v nul\\x00", f, 8), -1);
    assert_int_equal(split(buf, "a b c", f, 2), -1);
}

static char random_char(struct rng *r)
{
    static const char odd[] = " \t\n\\x=\x01\x7f\xc3\xa9+";
    return rng_below(r, 3) ? odd[rng_below(r, sizeof(odd) - 1)] : (char)('a' + rng_below(r, 26));
}

static char *random_text(struct rng *r, size_t max)
{
    size_t n = (size_t)rng_below(r, max);
    char *s = calloc(1, n + 1);
    for (size_t i = 0; i < n; i++)
        s[i] = random_char(r);
    return s;
}

/* any arguments written with wire_put_field come back from wire_split; an upper bound holds */
static void test_request_round_trip(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 7);
    for (int round = 0; round < 3000; round++) {
        struct str line = STR_INIT;
        char *args[12], *got[16];
        size_t n = 2 + (size_t)rng_below(&r, 10);
        args[0] = strdup("id");
        args[1] = strdup("verb");
        for (size_t i = 2; i < n; i++)
            args[i] = random_text(&r, 20);
        for (size_t i = 0; i < n; i++)
            wire_put_field(&line, args[i]);
        assert_null(strchr(str_text(&line), '\n'));
        assert_true(wire_count(line.s, line.len) >= n);
        assert_int_equal(wire_split(line.s, line.len, got, 16, NULL), n);
        for (size_t i = 0; i < n; i++) {
            assert_string_equal(got[i], args[i]);
            free(args[i]);
        }
        str_fini(&line);
    }
}

static void test_record_round_trip(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 8);
    for (int round = 0; round < 3000; round++) {
        struct str line = STR_INIT;
        struct wire_out w;
        struct wire_reply reply;
        struct wire_pair pairs[8];
        char *a = random_text(&r, 30), *b = random_text(&r, 30);
        int64_t n = (int64_t)rng_next(&r);
        wire_begin(&w, &line, "x-1", "+");
        wire_kv(&w, "a", a);
        wire_kv_int(&w, "n", n);
        wire_kv_fmt(&w, "b", "%s", b);
        wire_end(&w);
        assert_int_equal(line.s[line.len - 1], '\n');
        line.s[--line.len] = '\0';
        assert_null(strchr(line.s, '\n'));
        assert_int_equal(wire_parse_reply(line.s, line.len, &reply, NULL), 0);
        assert_int_equal(reply.kind, WIRE_RECORD);
        assert_string_equal(reply.id, "x-1");
        assert_int_equal(wire_pairs(reply.rest, pairs, 8), 3);
        assert_string_equal(wire_value(pairs, 3, "a"), a);
        assert_string_equal(wire_value(pairs, 3, "b"), b);
        assert_int_equal(strtoll(wire_value(pairs, 3, "n"), NULL, 10), n);
        assert_null(wire_value(pairs, 3, "c"));
        free(a);
        free(b);
        str_fini(&line);
    }
}

static void test_integers(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct wire_out w;
    wire_begin(&w, &s, "i", "ok");
    wire_kv_int(&w, "a", INT64_MIN);
    wire_kv_int(&w, "b", INT64_MAX);
    wire_kv_int(&w, "c", 0);
    wire_end(&w);
    assert_string_equal(s.s, "i ok a=-9223372036854775808\tb=9223372036854775807\tc=0\n");
    str_fini(&s);
}

static void test_reply_kinds(void **state)
{
    (void)state;
    struct wire_reply r;
    struct err e;
    char ok[] = "7 ok", err[] = "7 error BAD_NAME no such process: a\\nb", bytes[] = "7 bytes 12";
    assert_int_equal(wire_parse_reply(ok, strlen(ok), &r, &e), 0);
    assert_int_equal(r.kind, WIRE_OK);
    assert_string_equal(r.rest, "");
    assert_int_equal(wire_parse_reply(err, strlen(err), &r, &e), 0);
    assert_int_equal(wire_code_by_name(r.code), WIRE_BAD_NAME);
    assert_string_equal(r.text, "no such process: a\nb");
    assert_int_equal(wire_parse_reply(bytes, strlen(bytes), &r, &e), 0);
    assert_int_equal(r.nbytes, 12);
}

static void test_bad_replies(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "7",          "7 huh",         "bad! ok",
        "7 bytes -1", "7 bytes 1x", "7 error X \\q", "12345678901234567 ok"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char line[64];
        struct wire_reply r;
        struct err e;
        memcpy(line, bad[i], strlen(bad[i]) + 1);
        assert_int_equal(wire_parse_reply(line, strlen(line), &r, &e), -1);
        assert_true(strlen(e.msg) > 0);
    }
    char pairs[] = "a=1\tb";
    struct wire_pair p[4];
    assert_int_equal(wire_pairs(pairs, p, 4), -1);
}

static void test_greeting(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(wire_parse_greeting("supd 1 version=0.1.0 pid=7", &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(wire_parse_greeting("supd 12", &n), 0);
    assert_int_equal(n, 12);
    assert_int_equal(wire_parse_greeting("supd", &n), -1);
    assert_int_equal(wire_parse_greeting("HTTP/1.1 400", &n), -1);
    assert_int_equal(wire_parse_greeting("supd x", &n), -1);
}

static void test_codes(void **state)
{
    (void)state;
    for (int i = 0; i < WIRE_NCODES; i++) {
        assert_int_equal(wire_code_by_name(wire_code_name((enum wire_code)i)), i);
        assert_true(wire_code_fault((enum wire_code)i) > 0);
        assert_true(strlen(wire_code_text((enum wire_code)i)) > 0);
    }
    assert_int_equal(wire_code_by_name("NOPE"), -1);
}

static void test_ids(void **state)
{
    (void)state;
    assert_true(wire_id_ok("a"));
    assert_true(wire_id_ok("A-_9aaaaaaaaaaaa"));
    assert_false(wire_id_ok("A-_9aaaaaaaaaaaaa"));
    assert_false(wire_id_ok(""));
    assert_false(wire_id_ok("a b"));
    assert_false(wire_id_ok("*"));
}

static void feed(struct wire_buf *b, const char *p, size_t n)
{
    char *room = wire_buf_room(b, n);
    assert_non_null(room);
    memcpy(room, p, n);
    wire_buf_added(b, n);
}

/* the same lines come out however the stream was cut; bulk between them is not taken for lines */
static void test_buf_any_cut(void **state)
{
    (void)state;
    static const char stream[] = "one\ntwo\r\n\nx bytes 5\na\nb\nc\nlast\n";
    struct rng r;
    rng_seed(&r, 9);
    for (int round = 0; round < 2000; round++) {
        struct wire_buf b;
        struct str got = STR_INIT;
        char *p;
        size_t n, at = 0, bulk = 0;
        wire_buf_init(&b, 4096);
        while (at < sizeof(stream) - 1 || wire_buf_pending(&b)) {
            if (bulk && wire_buf_bytes(&b, bulk, &p) == 1) {
                str_printf(&got, "<%s>", p);
                bulk = 0;
            } else if (!bulk && wire_buf_line(&b, &p, &n) == 1) {
                assert_int_equal(strlen(p), n);
                str_printf(&got, "[%s]", p);
                bulk = strcmp(p, "x bytes 5") == 0 ? 5 : 0;
            } else {
                size_t piece = 1 + (size_t)rng_below(&r, 9);
                piece = piece > sizeof(stream) - 1 - at ? sizeof(stream) - 1 - at : piece;
                assert_true(piece > 0);
                feed(&b, stream + at, piece);
                at += piece;
            }
            if (rng_below(&r, 2))
                wire_buf_compact(&b);
        }
        assert_string_equal(got.s, "[one][two][][x bytes 5]<a\nb\nc>[last]");
        str_fini(&got);
        wire_buf_fini(&b);
    }
}

static void test_buf_limits(void **state)
{
    (void)state;
    struct wire_buf b;
    char *line, *big = malloc(WIRE_LINE_MAX + 1);
    size_t n;
    memset(big, 'a', WIRE_LINE_MAX + 1);
    wire_buf_init(&b, WIRE_LINE_MAX + 100);
    feed(&b, big, WIRE_LINE_MAX);
    assert_int_equal(wire_buf_line(&b, &line, &n), 0);
    feed(&b, "\n", 1);
    assert_int_equal(wire_buf_line(&b, &line, &n), 1); /* exactly the limit */
    assert_int_equal(n, WIRE_LINE_MAX);
    wire_buf_compact(&b);
    assert_null(b.s.s); /* nothing waits: no memory is held */
    feed(&b, big, WIRE_LINE_MAX + 1);
    assert_int_equal(wire_buf_line(&b, &line, &n), -1);
    assert_null(wire_buf_room(&b, 4096)); /* the bound */
    assert_non_null(wire_buf_room(&b, 10));
    wire_buf_fini(&b);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_separators),
        cmocka_unit_test(test_split_escapes),
        cmocka_unit_test(test_request_round_trip),
        cmocka_unit_test(test_record_round_trip),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reply_kinds),
        cmocka_unit_test(test_bad_replies),
        cmocka_unit_test(test_greeting),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_buf_any_cut),
        cmocka_unit_test(test_buf_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
