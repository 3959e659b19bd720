/* Names of processes, and the place of the control socket. */
#include "supervisor/core/name.h"
#include "supervisor/core/sockpath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_put(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    name_put(&s, "web", "web");
    str_putc(&s, ' ');
    name_put(&s, "web", "web_00");
    assert_string_equal(s.s, "web web:web_00");
    str_fini(&s);
}

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *group, *process;
        bool match;
    } rows[] = {
        {"all", "web", "web_00", true},
        {"web", "web", "web", true},
        {"web:web", "web", "web", true},
        {"web:web_00", "web", "web_00", true},
        {"web_00", "web", "web_00", false},
        {"web:*", "web", "web_00", true},
        {"web:", "web", "web_00", true},
        {"web:*_0[1-3]", "web", "web_00", false},
        {"web:*_0[1-3]", "web", "web_02", true},
        {"*:web_00", "web", "web_00", true},
        {"web", "web", "web_00", true},
        {"we*", "web", "web_00", true},
        {"*_00", "web", "web_00", true},
        {"webs", "web", "web_00", false},
        {"web:", "webs", "web", false},
        {"w?b", "web", "web", true},
        {"", "web", "web", false},
        {":", "web", "web", false},
        {"web:web_00:x", "web", "web_00", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (name_match(rows[i].pattern, rows[i].group, rows[i].process) != rows[i].match)
            fail_msg("%s on %s:%s", rows[i].pattern, rows[i].group, rows[i].process);
}

static void test_long_pattern(void **state)
{
    (void)state;
    char big[600];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    big[400] = ':';
    assert_false(name_match(big, "a", "a"));
}

static void test_exact(void **state)
{
    (void)state;
    assert_true(name_exact("web", "web", "web"));
    assert_true(name_exact("web:a", "web", "a"));
    assert_false(name_exact("web", "web", "a"));
    assert_false(name_exact("all", "web", "web"));
    assert_false(name_exact("web:*", "web", "a"));
}

static void test_sockpath(void **state)
{
    (void)state;
    static const struct {
        struct sockpath_in in;
        enum sockpath_from from;
        const char *path;
    } rows[] = {
        {{"/a", "/b", "/c", 0}, SOCKPATH_GIVEN, "/a"},
        {{"", "/b", "/c", 0}, SOCKPATH_ENV, "/b"},
        {{NULL, "", "/c", 0}, SOCKPATH_ROOT, "/run/supd.sock"},
        {{NULL, NULL, "/c", 7}, SOCKPATH_RUNTIME, "/c/supd.sock"},
        {{NULL, NULL, "c", 7}, SOCKPATH_TMP, "/tmp/supd-7.sock"},
        {{NULL, NULL, NULL, 7}, SOCKPATH_TMP, "/tmp/supd-7.sock"},
        {{"@supd-1", NULL, NULL, 7}, SOCKPATH_GIVEN, "@supd-1"},
    };
    char buf[SOCKPATH_MAX], small[8];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(sockpath(&rows[i].in, buf, sizeof(buf)), rows[i].from);
        assert_string_equal(buf, rows[i].path);
        assert_true(strlen(sockpath_from_text(rows[i].from)) > 0);
    }
    sockpath(&rows[2].in, small, sizeof(small));
    assert_string_equal(small, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),      cmocka_unit_test(test_match),
        cmocka_unit_test(test_exact),    cmocka_unit_test(test_long_pattern),
        cmocka_unit_test(test_sockpath),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
