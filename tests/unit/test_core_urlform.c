/* %XX and forms. */
#include "supervisor/core/urlform.h"
#include "tests/unit/unit.h"

static void decodes(const char *text, const char *want)
{
    char buf[64];
    strcpy(buf, text);
    assert_int_equal(url_decode(buf), strlen(want));
    assert_string_equal(buf, want);
}

static void test_decode(void **state)
{
    (void)state;
    decodes("/logtail/g%3Ap", "/logtail/g:p");
    decodes("%41%4a%4A+", "AJJ+");
    decodes("%", "%");
    decodes("%4", "%4");
    decodes("%4g%%41", "%4g%A");
    decodes("a%00b", "a%00b");
    decodes("%c3%a9", "\xc3\xa9");
    decodes("", "");
}

static void finds(const char *form, const char *name, const char *want)
{
    struct str out = STR_INIT;
    assert_int_equal(urlform_get(form, strlen(form), name, &out), want != NULL);
    assert_string_equal(str_text(&out), want ? want : "");
    str_fini(&out);
}

static void test_forms(void **state)
{
    (void)state;
    finds("a=1&b=x+y%26z&c", "a", "1");
    finds("a=1&b=x+y%26z&c", "b", "x y&z");
    finds("a=1&b=x+y%26z&c", "c", "");
    finds("a=1&b=x+y%26z&c", "d", NULL);
    finds("a=1&a=2", "a", "1");
    finds("%61=1=2", "a", "1=2");
    finds("&&=x&a=", "a", "");
    finds("&&=x", "", "");
    finds("", "", NULL);
    finds("a%00=1&b=%00", "b", "%00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
