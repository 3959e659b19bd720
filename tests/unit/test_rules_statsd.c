/* StatsD's datagrams: what is taken, what is passed over, what is refused. */
#include "alerts/rules/statsd.h"
#include "supervisor/base/str.h"

#include "unit.h"

static struct str got;

static void take(void *obj, const struct statsd_sample *s)
{
    (void)obj;
    str_printf(&got, "%c %.*s %g%s", "cgt"[s->type], (int)s -> name_len, s -> name, s -> value,
               s -> relative ? "~" : "");
    if (s->weight != 1)
        str_printf(&got, " x%g", s->weight);
    if (s->tags_len)
        str_printf(&got, " [%.*s]", (int)s->tags_len, s->tags);
    str_putc(&got, ';');
}

static struct statsd_counts parse(const char *text, size_t n)
{
    struct statsd_counts c = {0};
    char *copy = malloc(n ? n : 1); /* of the exact size, so that reading on is seen */
    assert_non_null(copy);
    memcpy(copy, text, n);
    str_clear(&got);
    statsd_parse(copy, n, &c, take, NULL);
    free(copy);
    return c;
}

struct row {
    const char *text, *samples;
    unsigned ignored, refused;
};

static const struct row rows[] = {
    {"a.b:1|c", "c a.b 1;", 0, 0},
    {"a:1|c\nb:2.5|ms\n", "c a 1;t b 2.5;", 0, 0},
    {"a:1|c\r\nb:2|h\r\n", "c a 1;t b 2;", 0, 0},
    {"a:3|c|@0.1", "c a 3 x10;", 0, 0},
    {"a:3|c|@0.5|#env:prod,canary", "c a 3 x2 [env:prod,canary];", 0, 0},
    {"a:3|d|#x:y|c:abc|T1700000000|e:it-false", "t a 3 [x:y];", 0, 0},
    {"a:1:2:3|ms|@0.5", "t a 1 x2;t a 2 x2;t a 3 x2;", 0, 0},
    {"a:1:x:3|ms", "t a 1;t a 3;", 0, 1},
    {"g:5|g\ng:+2|g\ng:-2|g", "g g 5;g g 2~;g g -2~;", 0, 0},
    {"u:alice|s", "", 1, 0},
    {"_e{5,4}:title|text|d:1\n_sc|db|2|m:down\na:1|c", "c a 1;", 2, 0},
    {"a:1|x", "", 0, 1},
    {"a:1", "", 0, 1},
    {"a|c", "", 0, 1},
    {":1|c", "", 0, 1},
    {"a:|c", "", 0, 1},
    {"a:-1|c", "", 0, 1},
    {"a:-1|ms", "", 0, 1},
    {"a:nan|c\na:inf|c\na:0x10|c\na:1e999|c\na:1 |c", "", 0, 5},
    {"a:1|c|@0\na:1|c|@1.5\na:1|c|@-1\na:1|c|@\na:1|c|@1e-320", "", 0, 5},
    {"a:1|c|?", "", 0, 1},
    {"a b:1|c\na\x01:1|c", "", 0, 2},
    {"\n\n", "", 0, 0},
    {"a:1e3|c", "c a 1000;", 0, 0},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct statsd_counts c = parse(rows[i].text, strlen(rows[i].text));
        if (strcmp(str_text(&got), rows[i].samples) != 0 || c.ignored != rows[i].ignored ||
            c.refused != rows[i].refused)
            fail_msg("%s: %s, ignored %u, refused %u", rows[i].text, str_text(&got),
                     (unsigned)c.ignored, (unsigned)c.refused);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[STATSD_LINE_MAX + 10];
    memset(text, 'a', sizeof(text));
    memcpy(text + STATSD_NAME_MAX, ":1|c", 4);
    assert_int_equal(parse(text, STATSD_NAME_MAX + 4).samples, 1);
    memset(text, 'a', sizeof(text));
    memcpy(text + STATSD_NAME_MAX + 1, ":1|c", 4);
    assert_int_equal(parse(text, STATSD_NAME_MAX + 5).refused, 1);
    memset(text, '1', sizeof(text));
    memcpy(text, "a:", 2);
    assert_int_equal(parse(text, sizeof(text)).refused, 1);
    assert_int_equal(parse("a:1|c\0", 6).refused, 1);
}

static void test_tags(void **state)
{
    (void)state;
    struct statsd_sample s = {.tags = "env:prod,canary,x", .tags_len = 15};
    assert_true(statsd_has_tag(&s, "env:prod"));
    assert_true(statsd_has_tag(&s, "canary"));
    assert_false(statsd_has_tag(&s, "env"));
    assert_false(statsd_has_tag(&s, "x")); /* behind the length */
    str_fini(&got);
}

RUN(TEST(test_rows), TEST(test_limits), TEST(test_tags))
