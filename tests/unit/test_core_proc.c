/* The process machine rule by rule: the way up. The names of the tests are the rules. */
#include "tests/unit/core_proc_fix.h"

/* ---- start ---- */

static void a_new_life_is_stopped_and_waits_for_nothing(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    IN_STATE(&f, STOPPED);
    IS(fix_ev(&f, PROC_EV_TIMER), "-");
    assert_int_equal(proc_next(&f.l).ns, 0);
    assert_int_equal(f.l.want, 0);
    assert_int_equal(f.l.why, PROC_WHY_NONE);
}

static void start_spawns_and_runs_after_startsecs(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    IS(fix_feed(&f, (struct proc_in){.event = PROC_EV_START, .why = PROC_WHY_BOOT}),
       "STOPPED>STARTING spawn");
    assert_int_equal(f.l.why, PROC_WHY_BOOT);
    assert_int_equal(f.l.spawning, 1);
    assert_int_equal(proc_next(&f.l).ns, 0);
    fix_pass(&f, 20);
    IS(fix_spawned(&f, 77), "-");
    assert_int_equal(f.l.pid, 77);
    assert_int_equal(f.l.pgid, 77);
    assert_int_equal(f.l.spawning, 0);
    assert_int_equal(f.l.starts, 1);
    assert_int_equal(f.l.restarts, 0);
    assert_int_equal(f.l.started.ns, f.now.ns);
    assert_int_equal(f.l.start_wall.ns, f.now.ns + SEC);
    IS(fix_due(&f, 1000), "STARTING>RUNNING");
    assert_int_equal(f.o.changes[0].pid, 77);
    assert_int_equal(f.l.why, PROC_WHY_UP);
    assert_int_equal(proc_next(&f.l).ns, 0);
}

static void startsecs_of_0_or_less_runs_at_the_next_timer(void **state)
{
    (void)state;
    for (int secs = -1; secs <= 0; secs++) {
        struct fix f;
        fix_init(&f);
        f.p.startsecs = DUR_S(secs);
        fix_start(&f, 5);
        IN_STATE(&f, STARTING);
        IS(fix_due(&f, 0), "STARTING>RUNNING");
    }
}

static void a_timer_too_early_changes_nothing(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 5);
    fix_pass(&f, 999);
    IS(fix_ev(&f, PROC_EV_TIMER), "-");
    fix_pass(&f, 1);
    IS(fix_ev(&f, PROC_EV_TIMER), "STARTING>RUNNING");
}

static void start_of_what_is_up_changes_nothing(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 5);
    IS(fix_ev(&f, PROC_EV_START), "-");
    fix_due(&f, 1000);
    IS(fix_ev(&f, PROC_EV_START), "-");
    IN_STATE(&f, RUNNING);
}

static void a_refused_spawn_is_tried_again_on_its_own_clock_and_spends_no_retries(void **state)
{
    (void)state;
    static const int waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct fix f;
    fix_init(&f);
    fix_ev(&f, PROC_EV_START);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        IS(fix_ev(&f, PROC_EV_DELAYED), "-");
        IN_STATE(&f, STARTING);
        assert_int_equal(f.l.spawning, 0);
        IS(fix_due(&f, waits[i]), "spawn");
    }
    for (int i = 0; i < 300; i++) {
        fix_ev(&f, PROC_EV_DELAYED);
        IS(fix_due(&f, 5000), "spawn");
    }
    assert_int_equal(f.l.tries, 0);
    assert_int_equal(f.l.delays, 255);
    IS(fix_spawned(&f, 9), "-");
    assert_int_equal(f.l.starts, 1);
}

/* A child was made, but for its exec there is no room (the user's limit of processes): as if it had
 * been refused, and one restart however often it is tried. */
static void an_exec_without_room_is_tried_again_and_spends_no_retries(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 0;
    fix_run(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "RUNNING>EXITED>STARTING spawn exited");
    for (int n = 0; n < 3; n++) {
        fix_spawned(&f, 10 + n);
        IS(fix_ev(&f, PROC_EV_DELAYED), "-");
        IN_STATE(&f, STARTING);
        IS(fix_due(&f, 100 << n), "spawn");
    }
    fix_spawned(&f, 20);
    IS(fix_due(&f, 1000), "STARTING>RUNNING");
    assert_int_equal(f.l.tries, 0);
    assert_int_equal(f.l.starts, 5);
    assert_int_equal(f.l.exits, 4);
    assert_int_equal(f.l.restarts, 1);
}

static void an_exec_without_room_after_running_was_assumed(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startsecs = DUR_S(0);
    fix_ev(&f, PROC_EV_START);
    fix_ev(&f, PROC_EV_CANNOT);
    IS(fix_due(&f, 1000), "BACKOFF>STARTING spawn");
    fix_spawned(&f, 1);
    IS(fix_due(&f, 0), "STARTING>RUNNING");
    IS(fix_ev(&f, PROC_EV_DELAYED), "RUNNING>EXITED>STARTING");
    assert_int_equal(f.l.tries, 1);
    IS(fix_due(&f, 100), "spawn");
    fix_spawned(&f, 2);
    fix_ev(&f, PROC_EV_STOP);
    IS(fix_ev(&f, PROC_EV_DELAYED), "STOPPING>STOPPED");
    assert_int_equal(f.l.restarts, 1);
}

/* ---- deaths in STARTING ---- */

static void startretries_of_3_gives_4_spawns_after_1_2_and_3_seconds(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 1);
    for (int n = 1; n <= 3; n++) {
        fix_pass(&f, 10);
        IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF exited");
        assert_int_equal(f.l.why, PROC_WHY_QUICK);
        assert_int_equal(f.o.changes[0].tries, n);
        assert_int_equal(f.o.changes[0].pid, n);
        IS(fix_due(&f, n * 1000), "BACKOFF>STARTING spawn");
        assert_int_equal(f.o.changes[0].pid, 0);
        assert_int_equal(f.l.why, PROC_WHY_RETRY);
        fix_spawned(&f, n + 1);
    }
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF>FATAL exited");
    assert_int_equal(f.o.changes[1].tries, 4);
    assert_int_equal(f.l.why, PROC_WHY_RETRIES);
    assert_int_equal(f.l.starts, 4);
    assert_int_equal(f.l.restarts, 3);
    assert_int_equal(f.l.exits, 4);
    assert_int_equal(f.l.fatals, 1);
    assert_int_equal(f.l.tries, 0);
    assert_int_equal(proc_next(&f.l).ns, 0);
}

static void startretries_of_0_gives_one_spawn(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 0;
    fix_start(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF>FATAL exited");
}

static void a_quick_exit_with_an_expected_code_is_a_failure_too(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.autorestart = PROC_RESTART_NEVER;
    fix_start(&f, 1);
    IS(fix_exit(&f, STATUS(0)), "STARTING>BACKOFF exited");
    assert_int_equal(f.l.expected, 0);
}

static void an_exit_at_startsecs_passes_through_running(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 1);
    fix_pass(&f, 1000);
    IS(fix_exit(&f, STATUS(0)), "STARTING>RUNNING>EXITED exited");
    assert_int_equal(f.l.expected, 1);
    f.p.startsecs = DUR_S(0);
    fix_start(&f, 2);
    IS(fix_exit(&f, STATUS(2)), "STARTING>RUNNING>EXITED>STARTING spawn exited");
    assert_int_equal(f.o.changes[2].why, PROC_WHY_AUTORESTART);
}

static void the_counter_survives_stop_in_backoff_and_the_next_start(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 1;
    fix_start(&f, 1);
    fix_exit(&f, STATUS(1));
    IS(fix_ev(&f, PROC_EV_STOP), "BACKOFF>STOPPED");
    assert_int_equal(f.l.why, PROC_WHY_OPERATOR);
    assert_int_equal(proc_next(&f.l).ns, 0);
    fix_start(&f, 2);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF>FATAL exited");
}

static void the_counter_is_reset_by_running_and_by_giving_up(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 1);
    fix_exit(&f, STATUS(1));
    fix_due(&f, 1000);
    fix_spawned(&f, 2);
    assert_int_equal(f.l.tries, 1);
    fix_due(&f, 1000);
    IN_STATE(&f, RUNNING);
    assert_int_equal(f.l.tries, 0);
}

/* ---- a step of the start fails ---- */

static void cannot_without_a_child_is_a_spawn_error(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_ev(&f, PROC_EV_START);
    IS(fix_ev(&f, PROC_EV_CANNOT), "STARTING>BACKOFF");
    assert_int_equal(f.l.why, PROC_WHY_CANNOT);
    assert_int_equal(f.l.tries, 1);
    assert_int_equal(f.l.starts, 0);
    assert_int_equal(f.l.exits, 0);
    assert_int_equal(f.l.has_exit, 0);
    assert_int_equal(f.l.stop_wall.ns, 0);
    for (int n = 1; n <= 3; n++) {
        IS(fix_due(&f, n * 1000), "BACKOFF>STARTING spawn");
        IS(fix_ev(&f, PROC_EV_CANNOT), n < 3 ? "STARTING>BACKOFF" : "STARTING>BACKOFF>FATAL");
    }
}

static void cannot_with_a_child_counts_the_child_but_has_no_exit(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 8);
    IS(fix_ev(&f, PROC_EV_CANNOT), "STARTING>BACKOFF");
    assert_int_equal(f.l.pid, 0);
    assert_int_equal(f.l.starts, 1);
    assert_int_equal(f.l.exits, 1);
    assert_int_equal(f.l.has_exit, 0);
}

static void cannot_after_running_was_assumed_goes_on_counting(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startsecs = DUR_S(0);
    fix_run(&f, 1);
    for (int n = 1; n <= 3; n++) {
        IS(fix_ev(&f, PROC_EV_CANNOT), "RUNNING>BACKOFF");
        IS(fix_due(&f, n * 1000), "BACKOFF>STARTING spawn");
        fix_spawned(&f, n + 1);
        IS(fix_due(&f, 0), "STARTING>RUNNING");
    }
    IS(fix_ev(&f, PROC_EV_CANNOT), "RUNNING>BACKOFF>FATAL");
}

static void cannot_while_stopping_is_the_end_of_the_stop(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 8);
    fix_ev(&f, PROC_EV_STOP);
    IS(fix_ev(&f, PROC_EV_CANNOT), "STOPPING>STOPPED");
    assert_int_equal(f.l.exits, 1);
}

/* ---- deaths in RUNNING ---- */

static void autorestart_unexpected_judges_by_exitcodes(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.codes[0] |= 1u << 2;
    f.codes[7] |= 1u << 31; /* 255 */
    fix_run(&f, 1);
    IS(fix_exit(&f, STATUS(2)), "RUNNING>EXITED exited");
    assert_int_equal(f.l.expected, 1);
    assert_int_equal(f.l.exit_status, STATUS(2));
    assert_int_equal(f.l.stop_wall.ns, f.now.ns + SEC);
    fix_run(&f, 2);
    IS(fix_exit(&f, STATUS(255)), "RUNNING>EXITED exited");
    fix_run(&f, 3);
    IS(fix_exit(&f, STATUS(3)), "RUNNING>EXITED>STARTING spawn exited");
    assert_int_equal(f.l.expected, 0);
    fix_spawned(&f, 4);
    assert_int_equal(f.l.restarts, 1);
}

static void a_death_by_signal_is_never_expected(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    memset(f.codes, 0xff, sizeof(f.codes));
    fix_run(&f, 1);
    IS(fix_exit(&f, EXIT_BY(SIGKILL)), "RUNNING>EXITED>STARTING spawn exited");
    assert_int_equal(f.l.expected, 0);
}

static void autorestart_true_restarts_always_and_false_never(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.autorestart = PROC_RESTART_ALWAYS;
    fix_run(&f, 1);
    IS(fix_exit(&f, STATUS(0)), "RUNNING>EXITED>STARTING spawn exited");
    assert_int_equal(f.o.changes[0].pid, 1);
    assert_int_equal(f.o.changes[1].pid, 0);
    fix_init(&f);
    f.p.autorestart = PROC_RESTART_NEVER;
    fix_run(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "RUNNING>EXITED exited");
    assert_int_equal(proc_next(&f.l).ns, 0);
    assert_int_equal(f.l.want, 1);
}

static void a_crash_loop_after_startsecs_has_no_limit(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    for (int n = 2; n < 500; n++) {
        IS(fix_exit(&f, STATUS(1)), "RUNNING>EXITED>STARTING spawn exited");
        fix_spawned(&f, n);
        fix_due(&f, 1000);
    }
    assert_int_equal(f.l.restarts, 498);
    assert_int_equal(f.l.fatals, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_life_is_stopped_and_waits_for_nothing),
        cmocka_unit_test(start_spawns_and_runs_after_startsecs),
        cmocka_unit_test(startsecs_of_0_or_less_runs_at_the_next_timer),
        cmocka_unit_test(a_timer_too_early_changes_nothing),
        cmocka_unit_test(start_of_what_is_up_changes_nothing),
        cmocka_unit_test(a_refused_spawn_is_tried_again_on_its_own_clock_and_spends_no_retries),
        cmocka_unit_test(an_exec_without_room_is_tried_again_and_spends_no_retries),
        cmocka_unit_test(an_exec_without_room_after_running_was_assumed),
        cmocka_unit_test(startretries_of_3_gives_4_spawns_after_1_2_and_3_seconds),
        cmocka_unit_test(startretries_of_0_gives_one_spawn),
        cmocka_unit_test(a_quick_exit_with_an_expected_code_is_a_failure_too),
        cmocka_unit_test(an_exit_at_startsecs_passes_through_running),
        cmocka_unit_test(the_counter_survives_stop_in_backoff_and_the_next_start),
        cmocka_unit_test(the_counter_is_reset_by_running_and_by_giving_up),
        cmocka_unit_test(cannot_without_a_child_is_a_spawn_error),
        cmocka_unit_test(cannot_with_a_child_counts_the_child_but_has_no_exit),
        cmocka_unit_test(cannot_after_running_was_assumed_goes_on_counting),
        cmocka_unit_test(cannot_while_stopping_is_the_end_of_the_stop),
        cmocka_unit_test(autorestart_unexpected_judges_by_exitcodes),
        cmocka_unit_test(a_death_by_signal_is_never_expected),
        cmocka_unit_test(autorestart_true_restarts_always_and_false_never),
        cmocka_unit_test(a_crash_loop_after_startsecs_has_no_limit),
    };
    return cmocka_run_group_tests_name("core_proc", tests, NULL, NULL);
}
