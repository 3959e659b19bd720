/* The process machine and what a program says of itself: a missed watchdog, and more time. */
#include "tests/unit/core_proc_fix.h"

/* ABRT, the stop sequence, KILL; then it is started again as after any other bad end. */
static void a_hung_one_is_ended_and_started_again(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_HUNG), "RUNNING>STOPPING SIGABRT+CONT");
    assert_int_equal(f.l.why, PROC_WHY_WATCHDOG);
    assert_int_equal(f.l.want, 1);
    IS(fix_due(&f, 10000), "SIGTERM+CONT");
    IS(fix_due(&f, 10000), "SIGKILL");
    IS(fix_exit(&f, EXIT_BY(SIGKILL)), "STOPPING>EXITED>STARTING spawn exited");
    assert_int_equal(f.o.changes[0].why, PROC_WHY_WATCHDOG);
    assert_int_equal(f.l.why, PROC_WHY_AUTORESTART);
    assert_int_equal(f.l.restart, 0);
}

/* That it ends well in the end does not make it a success. */
static void its_end_is_a_failure_even_with_status_0(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_HUNG);
    IS(fix_exit(&f, STATUS(0)), "STOPPING>EXITED>STARTING spawn exited");
    assert_int_equal(f.l.unexpected, 1);
    assert_int_equal(f.l.expected, 0);
    fix_init(&f);
    f.p.retry_window = DUR_S(60);
    f.p.startretries = 0;
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_HUNG);
    IS(fix_exit(&f, STATUS(0)), "STOPPING>EXITED>FATAL exited");
    assert_int_equal(f.l.why, PROC_WHY_WINDOW);
    fix_init(&f);
    f.p.autorestart = PROC_RESTART_NEVER;
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_HUNG);
    IS(fix_exit(&f, STATUS(0)), "STOPPING>EXITED exited");
    assert_int_equal(f.l.why, PROC_WHY_WATCHDOG);
}

static void what_it_leaves_gets_the_whole_sequence(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_HUNG);
    IS(fix_exit_leaving(&f, EXIT_BY(SIGABRT)), "STOPPING>EXITED SIGTERM@group+CONT exited");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "EXITED>STARTING spawn");
    fix_init(&f);
    f.p.orphans_kill = true;
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_HUNG);
    fix_ev(&f, PROC_EV_STOP);
    IS(fix_exit_leaving(&f, EXIT_BY(SIGABRT)), "SIGTERM@group+CONT exited");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "STOPPING>STOPPED");
}

static void a_stop_meanwhile_is_a_stop(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_HUNG);
    IS(fix_ev(&f, PROC_EV_STOP), "-");
    IS(fix_exit(&f, EXIT_BY(SIGABRT)), "STOPPING>STOPPED exited");
}

/* Its stop_command is for one that is well. */
static void a_hung_one_gets_no_stop_command(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.stop_command = DUR_S(5);
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_HUNG), "RUNNING>STOPPING SIGABRT+CONT");
    IS(fix_ev(&f, PROC_EV_COMMAND), "-");
    struct proc_policy was = f.p;
    f.p.stops[0].wait = DUR_S(20);
    IS(fix_feed(&f, (struct proc_in){.event = PROC_EV_POLICY, .was = &was}), "-");
    assert_int_equal(f.l.due.ns - f.now.ns, 20 * SEC);
    IS(fix_due(&f, 20000), "SIGTERM+CONT");
}

static void a_stop_command_has_its_time_whatever_the_program_says(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.stop_command = DUR_S(5);
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_STOP), "RUNNING>STOPPING command");
    IS(fix_feed(&f, (struct proc_in){.event = PROC_EV_EXTEND, .more = DUR_S(60)}), "-");
    IS(fix_due(&f, 5000), "end-command SIGTERM+CONT");
}

static void time_is_given_but_not_taken_away(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_STOP);
    int64_t due = f.l.due.ns;
    fix_feed(&f, (struct proc_in){.event = PROC_EV_EXTEND, .more = DUR_S(5)});
    assert_int_equal(f.l.due.ns, due);
    fix_feed(&f, (struct proc_in){.event = PROC_EV_EXTEND, .more = DUR_S(60)});
    assert_int_equal(f.l.due.ns, f.now.ns + 60 * SEC);
    IS(fix_due(&f, 60000), "SIGKILL");
    due = f.l.due.ns;
    fix_feed(&f, (struct proc_in){.event = PROC_EV_EXTEND, .more = DUR_S(600)});
    assert_int_equal(f.l.due.ns, due); /* it is being killed */
}

static void time_to_become_ready(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.told = true;
    f.p.ready_timeout = DUR_S(5);
    fix_start(&f, 1);
    fix_feed(&f, (struct proc_in){.event = PROC_EV_EXTEND, .more = DUR_S(20)});
    IS(fix_due(&f, 20000), "SIGTERM+CONT");
    int64_t due = f.l.due.ns;
    fix_feed(&f, (struct proc_in){.event = PROC_EV_EXTEND, .more = DUR_S(600)});
    assert_int_equal(f.l.due.ns, due); /* too late */
    fix_init(&f);
    fix_start(&f, 1); /* startsecs is no limit that it could want put off */
    due = f.l.due.ns;
    fix_feed(&f, (struct proc_in){.event = PROC_EV_EXTEND, .more = DUR_S(600)});
    assert_int_equal(f.l.due.ns, due);
}

static void explains(const struct fix *f, const char *want)
{
    struct str out = STR_INIT;
    proc_explain(&f->p, &f->l, f->now, &out);
    if (!strstr(str_text(&out), want))
        fail_msg("%s: not in: %s", want, str_text(&out));
    str_fini(&out);
}

static void it_is_said(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_HUNG);
    fix_pass(&f, 2000);
    explains(&f, "missed its watchdog 2.0s ago (pid 1): SIGABRT sent, SIGTERM in 8.0s; then it is "
                 "started again.");
    fix_due(&f, 8000);
    explains(&f, "SIGTERM sent, SIGKILL in 10s");
    f.p.autorestart = PROC_RESTART_NEVER;
    fix_exit(&f, EXIT_BY(SIGTERM));
    explains(&f, "missed its watchdog and was ended 0.0s ago (terminated by SIGTERM); it is not "
                 "restarted (autorestart=false).");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hung_one_is_ended_and_started_again),
        cmocka_unit_test(a_hung_one_gets_no_stop_command),
        cmocka_unit_test(a_stop_command_has_its_time_whatever_the_program_says),
        cmocka_unit_test(its_end_is_a_failure_even_with_status_0),
        cmocka_unit_test(what_it_leaves_gets_the_whole_sequence),
        cmocka_unit_test(a_stop_meanwhile_is_a_stop),
        cmocka_unit_test(time_is_given_but_not_taken_away),
        cmocka_unit_test(time_to_become_ready),
        cmocka_unit_test(it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
