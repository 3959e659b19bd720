/* Files of variables: both formats, byte for byte, and what is wrong with them. */
#include "supervisor/conf/envfile.h"
#include "supervisor/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *lookup(void *arg, const char *key, size_t n)
{
    (void)arg;
    return n == 4 && memcmp(key, "HERE", 4) == 0 ? "ours" : NULL;
}

/* Pairs as "KEY<value>KEY<value>", or "line: reason". */
static const char *parsed(struct arena *a, enum envfile_format format, const char *text, size_t n)
{
    struct env_list l = {0};
    struct envfile_request rq = {.format = format, .lookup = lookup};
    struct err e;
    unsigned line = 0;
    if (envfile_parse(a, text, n, &rq, &l, &line, &e) < 0)
        return arena_printf(a, "%u: %s", line, e.msg);
    const char *all = "";
    for (size_t i = 0; i < l.n; i++)
        all = arena_printf(a, "%s%s<%s>", all, l.v[i].key, l.v[i].value);
    return all;
}

static const struct {
    enum envfile_format format;
    const char *text, *want;
} table[] = {
    {ENVFILE_SYSTEMD, "", ""},
    {ENVFILE_SYSTEMD, "\n \n#a=b\n ; c=d\n", ""},
    {ENVFILE_SYSTEMD, "A=1", "A<1>"},
    {ENVFILE_SYSTEMD, "A=1\r\nB=2\r\n", "A<1>B<2>"},
    {ENVFILE_SYSTEMD, " A = 1 2 \nB=\n", "A<1 2>B<>"},
    {ENVFILE_SYSTEMD, "A=1\nB=2\nA=3\nC=\nD=\nE=", "A<3>B<2>C<>D<>E<>"},
    {ENVFILE_SYSTEMD, "A=\" 1 \" \nB=' 2 '\n", "A< 1 >B< 2 >"},
    {ENVFILE_SYSTEMD, "A=x\"y z\"'w'\n", "A<xy zw>"},
    {ENVFILE_SYSTEMD, "A=\"a\\\"b\\n\\$c\"\n", "A<a\"b\\n$c>"},
    {ENVFILE_SYSTEMD, "A='a\\b'\nB=a\\ b\\#\n", "A<a\\b>B<a b#>"},
    {ENVFILE_SYSTEMD, "A=a\\\nb\nB=1\n", "A<ab>B<1>"},
    {ENVFILE_SYSTEMD, "A=\"a\nb\"\nB=1\n", "A<a\nb>B<1>"},
    {ENVFILE_SYSTEMD, "A=a#b ; c\n", "A<a#b ; c>"},
    {ENVFILE_SYSTEMD, "A=\\", "A<\\>"},
    {ENVFILE_SYSTEMD, "A=1\nB=\"x\ny\n", "2: the \" that opens here is never closed"},
    {ENVFILE_SYSTEMD, "A=\"1\n\n\"\nB-C=2\n",
     "4: 'B-C' is no name of a variable (letters, digits and _)"},
    {ENVFILE_SYSTEMD, "A=1\npassword\n", "2: this line is not KEY=value"},
    {ENVFILE_SYSTEMD, "=1\n", "1: '' is no name of a variable (letters, digits and _)"},
    {ENVFILE_SYSTEMD, "export A=1\n", "1: write KEY=value without export: no shell reads this"},
    {ENVFILE_DOCKER, "A= 1 \"x\" \n#B=2\n;C=3\n",
     "3: ';C' is no name of a variable (letters, digits and _)"},
    {ENVFILE_DOCKER, "A= 1 \"x\" \n #B=2\nC='3'\\\r\n", "A< 1 \"x\" >C<'3'\\>"},
    {ENVFILE_DOCKER, "HERE\nTHERE\nX=", "HERE<ours>X<>"},
    {ENVFILE_DOCKER, "a secret\n", "1: this line is not KEY=value"},
};

static void test_table(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_string_equal(parsed(a, table[i].format, table[i].text, strlen(table[i].text)),
                            table[i].want);
    assert_string_equal(parsed(a, ENVFILE_SYSTEMD, "A=1\nB=\0C\n", 9),
                        "1: there is a NUL byte in it: this is no file of variables");
    arena_free(&a);
}

/* whatever the bytes are, it ends, within its text (under a sanitizer) */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "AB=\"'\\\n #;\r\t1$";
    struct rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        struct arena *a = arena_new();
        size_t n = rng_below(&r, 24);
        char *text = arena_alloc(a, n + 1), *exact = malloc(n ? n : 1);
        for (size_t j = 0; j < n; j++)
            text[j] = alphabet[rng_below(&r, sizeof(alphabet) - 1)];
        memcpy(exact, text, n);
        const char *one = parsed(a, ENVFILE_SYSTEMD, exact, n);
        const char *again = parsed(a, ENVFILE_SYSTEMD, text, n);
        assert_string_equal(one, again);
        parsed(a, ENVFILE_DOCKER, exact, n);
        free(exact);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
                                       cmocka_unit_test(test_any_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
