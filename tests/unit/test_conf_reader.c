/* The reader by itself: sections, keys, lines, and every way a line may be too long for inih. */
#include "supervisor/conf/reader.h"
#include "tests/unit/conf_text.h"

struct fixture {
    struct arena *a;
    struct msgs m;
    struct ini ini;
    bool ok;
};

static void read_n(struct fixture *f, const char *text, size_t n)
{
    f->a = arena_new();
    msgs_init(&f->m, f->a);
    ini_init(&f->ini, f->a);
    f->ok = reader_text(&f->ini, &f->m, "t", text, n, (struct reader_opts){0});
}

static void read_one(struct fixture *f, const char *text)
{
    read_n(f, text, strlen(text));
}

static void done(struct fixture *f)
{
    ini_fini(&f->ini);
    msgs_fini(&f->m);
    arena_free(&f->a);
}

static const struct ini_key *key(const struct fixture *f, const char *section, const char *name)
{
    const struct ini_section *s = ini_find(&f->ini, section);
    return s ? ini_get(&f->ini, s, name) : NULL;
}

static const struct {
    const char *text, *value; /* of k in [s]; NULL: no such key */
} table[] = {
    {"[s]\nk=v", "v"},
    {"[s]\nk=v\n", "v"},
    {"[s]\nk = v ; c\n", "v"},
    {"[s]\nk = v;c\n", "v;c"},
    {"[s]\nk = v # c\n", "v"},
    {"[s]\nk=;v\n", ";v"},
    {"[s]\nk= ;v\n", ""},
    {"[s]\nk=a;b ;c #d\n", "a;b ;c"},
    {"[s]\nk=\n", ""},
    {"[s]\nK : v\n", "v"},
    {"[s]\nk==v\n", "=v"},
    {"[s]\nk=a\n  b\n\tc\n", "a\nb\nc"},
    {"[s]\nk=a\n\n  b\n\n\n", "a\n\nb"},
    {"[s]\nk=a\n; c\n  b ; d\n", "a\nb"},
    {"[s]\n  k=a\n  l=b\n", "a"},
    {"[s]\nk=a\n  l=b\n", "a\nl=b"},
    {"[s]\nk=a\nk=b\n", "b"},
    {"[s]\nk=a\n[s]\nl=b\n", "a"},
    {"[DEFAULT]\nk=d\n[s]\n", "d"},
    {"[DEFAULT]\nk=d\n[s]\nk=o\n", "o"},
    {"[s]\nk=a\n[t]\nk=b\n", "a"},
    {"[s] ; c\nk=a\n", "a"},
    {"[s] trailing\nk=a\n", "a"},
    {"[ s]\nk=a\n", NULL},
    {"[S]\nk=a\n", NULL},
    {"[s]\r\nk=a\r\n  b\r\n", "a\nb"},
    {"[s]\rk=a\r", "a"},
    {"[s]\nk=a\n\xc2\xa0 b\n", "a\nb"},
    {"[s]\nk=\x01\n", "\x01"},
    {"[s]\n\x01=\x01\nk=\x01;\n \x01\n", "\x01;\n\x01"},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fixture f;
        read_one(&f, table[i].text);
        const struct ini_key *k = key(&f, "s", "k");
        assert_true(f.ok);
        assert_int_equal(k != NULL, table[i].value != NULL);
        if (k)
            assert_string_equal(k->value, table[i].value);
        done(&f);
    }
}

/* at every length around the limits of inih's buffers */
static void test_lengths(void **state)
{
    (void)state;
    for (size_t n = 1; n < 420; n++) {
        struct fixture f;
        struct str text = STR_INIT, word = STR_INIT, rest = STR_INIT;
        for (size_t i = 0; i < n; i++) {
            str_putc(&word, (char)('a' + i % 26));
            str_putc(&rest, i % 7 == 6 ? ' ' : (char)('A' + i % 26));
        }
        str_putc(&rest, '.');
        str_printf(&text, "[%s]\n%s = %s\n   %s ; c\nlast=1\n", word.s, word.s, rest.s, rest.s);
        read_one(&f, text.s);
        assert_true(f.ok);
        const struct ini_key *k = key(&f, word.s, word.s), *last = key(&f, word.s, "last");
        assert_non_null(k);
        assert_int_equal(strlen(k->value), 2 * rest.len + 1);
        assert_int_equal(strncmp(k->value, rest.s, rest.len), 0);
        assert_string_equal(k->value + rest.len + 1, rest.s);
        assert_int_equal(k->at.line, 2);
        assert_int_equal(last->at.line, 4);
        done(&f);
        str_fini(&text);
        str_fini(&word);
        str_fini(&rest);
    }
}

static void test_one_huge_value(void **state)
{
    (void)state;
    struct fixture f;
    struct str text = STR_INIT;
    str_puts(&text, "[s]\nk=");
    for (size_t i = 0; i < 200000; i++)
        str_puts(&text, "0123456789\n ");
    read_n(&f, text.s, text.len);
    assert_true(f.ok);
    assert_int_equal(strlen(key(&f, "s", "k")->value), 200000 * 11 - 1);
    done(&f);
    str_fini(&text);
}

static void test_all_errors(void **state)
{
    (void)state;
    struct fixture f;
    read_one(&f, "[s]\na\nk=1\n=x\nb\n");
    assert_false(f.ok);
    assert_int_equal(f.m.list[MSG_ERROR].n, 3);
    assert_int_equal(strncmp(f.m.list[MSG_ERROR].v[0].text, "t:2: no '='", 11), 0);
    assert_int_equal(strncmp(f.m.list[MSG_ERROR].v[1].text, "t:4: a value without a key", 26), 0);
    assert_int_equal(strncmp(f.m.list[MSG_ERROR].v[2].text, "t:5: no '='", 11), 0);
    done(&f);
}

static void test_report_has_an_end(void **state)
{
    (void)state;
    struct fixture f;
    struct str text = STR_INIT;
    str_puts(&text, "[s]\n");
    for (int i = 0; i < 5000; i++)
        str_printf(&text, "word%d\n", i);
    read_n(&f, text.s, text.len);
    assert_in_range(f.m.list[MSG_ERROR].n, 1000, 1001);
    done(&f);
    str_fini(&text);
}

static void test_here(void **state)
{
    (void)state;
    struct fixture f;
    read_one(&f, "[DEFAULT]\nd=%(here)s\n[s]\nk=a%(here)s%(here)s\n[t]\nd=own\n");
    ini_expand_here(&f.ini, "/x");
    assert_string_equal(key(&f, "s", "k")->value, "a/x/x");
    assert_string_equal(key(&f, "s", "d")->value, "/x");
    assert_string_equal(key(&f, "t", "d")->value, "own");
    reader_text(&f.ini, &f.m, "u", "[u]\nk=%(here)s\n", 15, (struct reader_opts){0});
    ini_expand_here(&f.ini, "/y");
    assert_string_equal(key(&f, "u", "k")->value, "/y");
    assert_string_equal(key(&f, "u", "d")->value, "/y");
    assert_string_equal(key(&f, "s", "d")->value, "/x");
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_one_huge_value),
        cmocka_unit_test(test_all_errors),
        cmocka_unit_test(test_report_has_an_end),
        cmocka_unit_test(test_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
