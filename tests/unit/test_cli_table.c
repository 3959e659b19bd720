/* supctl's tables and lines: widths, cutting, and what a program's name must not do to a terminal.
 */
#include "supervisor/cli/show.h"
#include "supervisor/cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct table two_rows(const char *last)
{
    static const char *const heading[] = {"NAME", "PID", "LAST"};
    struct table t;
    table_init(&t, 3, heading);
    t.right[1] = true;
    table_cell(&t,
               "w\xc3\xa9"
               "b",
               "\033[32m");
    table_cell(&t, "7", NULL);
    table_cell(&t, last, NULL);
    return t;
}

static void test_columns(void **state)
{
    (void)state;
    struct str out = STR_INIT;
    struct table t = two_rows("fine");
    table_print(&t, 0, false, &out);
    assert_string_equal(out.s, "NAME  PID  LAST\nw\xc3\xa9"
                               "b     7  fine\n");
    str_clear(&out);
    table_print(&t, 0, true, &out);
    assert_string_equal(out.s, "NAME  PID  LAST\n\033[32mw\xc3\xa9"
                               "b\033[0m     7  fine\n");
    str_fini(&out);
    table_fini(&t);
}

static void test_cut(void **state)
{
    (void)state;
    struct str out = STR_INIT;
    struct table t = two_rows("exit status 3 and more");
    table_print(&t, 24, false, &out);
    const char *second = strchr(out.s, '\n') + 1;
    assert_string_equal(second, "w\xc3\xa9"
                                "b     7  exit status \xe2\x80\xa6\n");
    assert_int_equal(table_width(second, strlen(second) - 1), 24);
    str_clear(&out);
    table_print(&t, 12, false, &out); /* too narrow for any column: in full */
    assert_non_null(strstr(out.s, "and more"));
    str_fini(&out);
    table_fini(&t);
}

static void test_clean(void **state)
{
    (void)state;
    struct str out = STR_INIT;
    show_clean(&out, "a\033[2Jb\nc\x7f");
    assert_string_equal(out.s, "a\\x1b[2Jb c\\x7f");
    str_fini(&out);
}

static struct client_reply record(char *pairs)
{
    struct client_reply r = {.kind = WIRE_RECORD};
    int64_t n = wire_pairs(pairs, r.pairs, CLIENT_PAIRS);
    assert_true(n > 0);
    r.n = (size_t)n;
    return r;
}

static void expect_last(const char *pairs, const char *want)
{
    char buf[512];
    struct str out = STR_INIT;
    assert_true(strlen(pairs) < sizeof(buf));
    memcpy(buf, pairs, strlen(pairs) + 1);
    struct client_reply r = record(buf);
    show_last(&r, &out);
    assert_string_equal(out.s, want);
    str_fini(&out);
}

static void test_last(void **state)
{
    (void)state;
    expect_last("state=RUNNING\twhy=stayed up", "-");
    expect_last("state=RUNNING\twhy=stayed up\texit=exit status 1", "exit status 1");
    expect_last("state=EXITED\twhy=exited\texit=exit status 0", "exit status 0");
    expect_last("state=STOPPED\twhy=stopped as told\texit=terminated by SIGTERM",
                "terminated by SIGTERM, stopped as told");
    expect_last(
        "state=BACKOFF\twhy=could not be started\tspawnerr=cannot execute /x: Gone\tnext_ms=2500",
        "cannot execute /x: Gone, next try in 2.5s");
    expect_last("state=FATAL\twhy=too many start retries\texit=exit status 3\tspawnerr=too quick",
                "exit status 3, too quick, too many start retries");
}

static void test_states(void **state)
{
    (void)state;
    assert_true(show_is_down("FATAL"));
    assert_true(show_is_down("STOPPED"));
    assert_true(show_is_down("something new"));
    assert_false(show_is_down("RUNNING"));
    assert_false(show_is_down("BACKOFF"));
    assert_non_null(show_colour("RUNNING"));
    assert_null(show_colour("something new"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns), cmocka_unit_test(test_cut),    cmocka_unit_test(test_clean),
        cmocka_unit_test(test_last),    cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
