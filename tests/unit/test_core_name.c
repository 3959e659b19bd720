/* Names of processes as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/core/name.h"

#include <string.h>

static void the_full_name_is_short_when_both_are_equal(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    name_put(&s, "web", "web");
    str_putc(&s, ' ');
    name_put(&s, "web", "web_00");
    assert_string_equal(str_text(&s), "web web:web_00");
    str_fini(&s);
}

static const struct {
    const char *pattern, *group, *process;
    bool match, exact;
} rows[] = {
    {"web", "web", "web", true, true},
    {"web", "web", "web_00", true, false}, /* the group of that name */
    {"web_00", "web", "web_00", false, false},
    {"web:web", "web", "web", true, true},
    {"web:web_00", "web", "web_00", true, true},
    {"web:web_00", "web", "web_01", false, false},
    {"web:web_00", "other", "web_00", false, false},
    {"web:*", "web", "web_01", true, false},
    {"web:", "web", "web_01", true, false},
    {"web:*", "webs", "web_01", false, false},
    {"all", "web", "web", true, false},
    {"all", "all", "all", true, true},
    {"w*", "web", "x", true, false},
    {"*_00", "web", "web_00", true, false},
    {"*_00", "web", "web_01", false, false},
    {"w?b:web_0[12]", "web", "web_01", true, false},
    {"w?b:web_0[12]", "web", "web_03", false, false},
    {"*:web_00", "web", "web_00", true, false},
    {"*:*", "web", "web_00", true, false},
    {":web_00", "web", "web_00", false, false},
    {":", "web", "web", false, false},
    {"", "web", "web", false, false},
    {"we", "web", "web", false, false},
    {"webs", "web", "web", false, false},
    {"web:a:b", "web", "a:b", true, true}, /* cut at the first colon only */
    {"WEB", "web", "web", false, false},
};

static void patterns_mean_processes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (name_match(rows[i].pattern, rows[i].group, rows[i].process) != rows[i].match)
            fail_msg("match '%s' with %s:%s", rows[i].pattern, rows[i].group, rows[i].process);
        if (name_exact(rows[i].pattern, rows[i].group, rows[i].process) != rows[i].exact)
            fail_msg("exact '%s' with %s:%s", rows[i].pattern, rows[i].group, rows[i].process);
    }
}

static void a_pattern_of_any_length_is_safe(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_false(name_match(text, "web", "web"));
    text[1000] = ':';
    assert_false(name_match(text, "web", "web"));
    memset(text, '*', sizeof(text) - 1);
    assert_true(name_match(text, "web", "web"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_full_name_is_short_when_both_are_equal),
        cmocka_unit_test(patterns_mean_processes),
        cmocka_unit_test(a_pattern_of_any_length_is_safe),
    };
    return cmocka_run_group_tests_name("core_name", tests, NULL, NULL);
}
