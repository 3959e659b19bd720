/* The exit status of supd when a program ends it. */
#include "supervisor/core/exitcode.h"

#include "unit.h"

#include <errno.h>
#include <signal.h>

#define CODE(n) ((n) << 8)

static struct proc_life life(enum proc_state state, bool has_exit, int status)
{
    return (struct proc_life){
        .state = (uint16_t)state, .has_exit = has_exit, .exit_status = status};
}

static void statuses(void **unused)
{
    (void)unused;
    static const struct {
        enum proc_state state;
        bool has_exit;
        int status, errnum, want;
    } rows[] = {
        {PROC_EXITED, true, CODE(0), 0, 0},        {PROC_EXITED, true, CODE(3), 0, 3},
        {PROC_EXITED, true, SIGTERM, 0, -SIGTERM}, {PROC_EXITED, true, SIGSEGV | 0x80, 0, -SIGSEGV},
        {PROC_EXITED, true, CODE(0), ENOENT, 0}, /* of an earlier start */
        {PROC_FATAL, true, CODE(0), 0, 1},         {PROC_FATAL, true, CODE(7), 0, 7},
        {PROC_FATAL, true, SIGKILL, 0, -SIGKILL},  {PROC_FATAL, false, 0, ENOENT, 127},
        {PROC_FATAL, true, CODE(5), ELIBACC, 127}, {PROC_FATAL, false, 0, EACCES, 126},
        {PROC_FATAL, false, 0, ELIBEXEC, 126},     {PROC_FATAL, false, 0, ELIBSCN, 126},
        {PROC_FATAL, false, 0, ENOEXEC, 1},        {PROC_FATAL, false, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proc_life l = life(rows[i].state, rows[i].has_exit, rows[i].status);
        assert_int_equal(exit_status_of(&l, rows[i].errnum), rows[i].want);
    }
    assert_int_equal(exit_as_code(-SIGKILL), 137);
    assert_int_equal(exit_as_code(3), 3);
}

static void who_ends_it(void **unused)
{
    (void)unused;
    for (unsigned bits = 0; bits < 16; bits++) {
        struct exit_facts f = {.critical = bits & 1,
                               .on_fatal_exit = (bits & 2) != 0,
                               .fatal = (bits & 4) != 0,
                               .others_up = (bits & 8) != 0};
        bool in_any_case = f.fatal && f.on_fatal_exit;
        f.on = EXIT_ON_NEVER;
        assert_int_equal(exit_ends_all(&f), in_any_case);
        f.on = EXIT_ON_ANY;
        assert_true(exit_ends_all(&f));
        f.on = EXIT_ON_ALL;
        assert_int_equal(exit_ends_all(&f), in_any_case || !f.others_up);
        f.on = EXIT_ON_CRITICAL;
        assert_int_equal(exit_ends_all(&f), in_any_case || f.critical);
    }
}

static void mapped(void **unused)
{
    (void)unused;
    static const struct exit_map rows[] = {{3, 0}, {143, EXIT_TO_OWN}, {3, 9}, {EXIT_FROM_ANY, 1}};
    assert_int_equal(exit_mapped(rows, 4, 3), 0);
    assert_int_equal(exit_mapped(rows, 4, -SIGTERM), -SIGTERM);
    assert_int_equal(exit_mapped(rows, 4, 143), 143);
    assert_int_equal(exit_mapped(rows, 4, -SIGKILL), 1);
    assert_int_equal(exit_mapped(rows, 4, 0), 1);
    assert_int_equal(exit_mapped(rows, 3, 0), 0);
    assert_int_equal(exit_mapped(NULL, 0, -SIGKILL), -SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(statuses), cmocka_unit_test(who_ends_it),
                                       cmocka_unit_test(mapped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
