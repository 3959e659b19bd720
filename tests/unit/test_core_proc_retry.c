/* The process machine rule by rule: when to try again, when to give up. */
#include "tests/unit/core_proc_fix.h"

/* ---- backoff_reset, retry_window, on_fatal ---- */

static void with_backoff_reset_an_early_exit_from_running_backs_off_and_counts(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.backoff_reset = DUR_S(60);
    fix_start(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF exited");
    fix_due(&f, 1000);
    fix_spawned(&f, 2);
    IS(fix_due(&f, 1000), "STARTING>RUNNING");
    assert_int_equal(f.l.tries, 1);
    fix_pass(&f, 58999);
    IS(fix_exit(&f, STATUS(1)), "RUNNING>EXITED>BACKOFF exited");
    assert_int_equal(f.l.tries, 2);
    IS(fix_due(&f, 2000), "BACKOFF>STARTING spawn");
    fix_spawned(&f, 3);
    fix_pass(&f, 60000);
    IS(fix_exit(&f, STATUS(1)), "STARTING>RUNNING>EXITED>STARTING spawn exited");
    assert_int_equal(f.l.tries, 0);
}

static void with_backoff_reset_four_changes_can_be_in_one_step(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.backoff_reset = DUR_S(60);
    f.p.startretries = 0;
    fix_start(&f, 1);
    fix_pass(&f, 2000);
    IS(fix_exit(&f, STATUS(1)), "STARTING>RUNNING>EXITED>BACKOFF>FATAL exited");
}

static void with_backoff_reset_an_expected_exit_is_no_failure(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.backoff_reset = DUR_S(60);
    fix_run(&f, 1);
    IS(fix_exit(&f, STATUS(0)), "RUNNING>EXITED exited");
}

static void with_backoff_reset_a_stop_after_that_long_forgets_the_retries(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.backoff_reset = DUR_S(60);
    fix_start(&f, 1);
    fix_exit(&f, STATUS(1));
    fix_due(&f, 1000);
    fix_spawned(&f, 2);
    fix_pass(&f, 60000);
    fix_ev(&f, PROC_EV_STOP);
    assert_int_equal(f.l.tries, 1);
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED exited");
    assert_int_equal(f.l.tries, 0);
}

static void a_failed_spawn_is_not_taken_for_a_long_life(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.backoff_reset = DUR_S(60);
    fix_start(&f, 1);
    fix_exit(&f, STATUS(1));
    f.p.backoff = DUR_S(100);
    fix_due(&f, 1000);
    fix_ev(&f, PROC_EV_CANNOT);
    assert_int_equal(f.l.tries, 2);
    fix_due(&f, 200000); /* more than backoff_reset after the last instance started */
    fix_ev(&f, PROC_EV_CANNOT);
    assert_int_equal(f.l.tries, 3);
}

static void retry_window_ends_in_fatal_from_running_too(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.retry_window = DUR_S(60);
    f.p.startretries = 2;
    fix_run(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "RUNNING>EXITED>STARTING spawn exited");
    fix_spawned(&f, 2);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF exited"); /* counts as well */
    fix_due(&f, 1000);
    fix_spawned(&f, 3);
    fix_due(&f, 1000);
    IS(fix_exit(&f, STATUS(1)), "RUNNING>EXITED>FATAL exited");
    assert_int_equal(f.l.why, PROC_WHY_WINDOW);
    assert_int_equal(f.l.nwindow, 0);
    assert_int_equal(f.l.fatals, 1);
}

static void retry_window_replaces_the_counter_and_forgets_with_time(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.retry_window = DUR_S(60);
    f.p.startretries = 1;
    fix_start(&f, 1);
    f.p.backoff_max = DUR_S(60);
    f.p.backoff = DUR_S(60);
    for (int n = 1; n < 40; n++) { /* each failure is just out of the window of the next */
        IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF exited");
        assert_int_equal(f.l.tries, n);
        fix_due(&f, 60000);
        fix_spawned(&f, n + 1);
    }
    f.p.backoff_max = DUR_S(59);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF exited");
    fix_due(&f, 59000);
    fix_spawned(&f, 99);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF>FATAL exited");
    assert_int_equal(f.l.why, PROC_WHY_WINDOW);
}

static void retry_window_is_exact_up_to_what_the_configuration_allows(void **state)
{
    (void)state;
    for (int retries = 30; retries <= PROC_WINDOW_RETRIES; retries += 97) {
        struct fix f;
        fix_init(&f);
        f.p.retry_window = DUR_S(3600);
        f.p.startretries = retries;
        f.p.autorestart = PROC_RESTART_ALWAYS;
        f.p.startsecs = DUR_S(0);
        fix_start(&f, 1);
        int n = 1;
        while (n <= 2 * PROC_WINDOW_MAX &&
               strcmp(fix_exit(&f, STATUS(0)), "STARTING>RUNNING>EXITED>FATAL exited") != 0)
            fix_spawned(&f, ++n);
        assert_int_equal(n, retries + 1);
    }
}

static void retry_window_counts_to_its_size_at_most(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.retry_window = DUR_S(3600);
    f.p.startretries = 1000;
    f.p.autorestart = PROC_RESTART_ALWAYS;
    f.p.startsecs = DUR_S(0);
    fix_start(&f, 1);
    int n = 1;
    while (strcmp(fix_exit(&f, STATUS(0)), "STARTING>RUNNING>EXITED>FATAL exited") != 0) {
        IS(f.line, " STARTING>RUNNING>EXITED>STARTING spawn exited");
        fix_spawned(&f, ++n);
        assert_true(n <= PROC_WINDOW_MAX);
    }
    assert_int_equal(n, PROC_WINDOW_MAX);
}

static void retry_window_drops_the_oldest_when_it_is_full_of_old_ones(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.retry_window = DUR_S(3600);
    f.p.startretries = PROC_WINDOW_RETRIES;
    f.p.autorestart = PROC_RESTART_ALWAYS;
    fix_run(&f, 1);
    for (int n = 2; n < PROC_WINDOW_MAX; n++) {
        fix_exit(&f, STATUS(0));
        fix_spawned(&f, n);
        fix_due(&f, 1000);
    }
    f.l.nwindow = PROC_WINDOW_MAX; /* as a policy with fewer retries may leave it */
    f.now.ns += 10000 * SEC;
    IS(fix_exit(&f, STATUS(0)), "RUNNING>EXITED>STARTING spawn exited");
    assert_int_equal(f.l.nwindow, 1);
}

static void on_fatal_retry_starts_again_after_its_time(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 0;
    f.p.on_fatal = PROC_FATAL_RETRY;
    f.p.fatal_retry = DUR_S(300);
    fix_start(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF>FATAL exited");
    IS(fix_due(&f, 300000), "FATAL>STARTING spawn");
    assert_int_equal(f.l.why, PROC_WHY_RETRY);
    fix_spawned(&f, 2);
    assert_int_equal(f.l.restarts, 1);
    fix_exit(&f, STATUS(1));
    assert_int_equal(f.l.fatals, 2);
    IS(fix_ev(&f, PROC_EV_STOP), "FATAL>STOPPED");
    assert_int_equal(proc_next(&f.l).ns, 0);
}

static void on_fatal_exit_ends_the_supervisor(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 0;
    f.p.on_fatal = PROC_FATAL_EXIT;
    fix_start(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF>FATAL exited");
}

static void fatal_is_final_until_a_start(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 0;
    fix_start(&f, 1);
    fix_exit(&f, STATUS(1));
    IS(fix_ev(&f, PROC_EV_TIMER), "-");
    IS(fix_ev(&f, PROC_EV_STOP), "-");
    IN_STATE(&f, FATAL);
    IS(fix_ev(&f, PROC_EV_START), "FATAL>STARTING spawn");
}

static void the_waits_before_a_retry(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    assert_int_equal(proc_backoff(&f.p, 1, 0).ns, SEC);
    assert_int_equal(proc_backoff(&f.p, 7, 9).ns, 7 * SEC);
    f.p.backoff_max = DUR_S(5);
    assert_int_equal(proc_backoff(&f.p, 7, 0).ns, 5 * SEC);
    f.p.factor_milli = 2000;
    f.p.backoff_max = DUR_S(0);
    assert_int_equal(proc_backoff(&f.p, 1, 0).ns, SEC);
    assert_int_equal(proc_backoff(&f.p, 4, 0).ns, 8 * SEC);
    f.p.factor_milli = 1500;
    assert_int_equal(proc_backoff(&f.p, 3, 0).ns, 2250000000);
    assert_int_equal(proc_backoff(&f.p, UINT32_MAX, 0).ns, INT64_MAX / 4);
    f.p.factor_milli = 500;
    assert_int_equal(proc_backoff(&f.p, 3, 0).ns, SEC / 4);
    assert_int_equal(proc_backoff(&f.p, UINT32_MAX, 0).ns, 0);
    f.p.factor_milli = 0;
    f.p.backoff = DUR_MAX;
    assert_int_equal(proc_backoff(&f.p, UINT32_MAX, 0).ns, INT64_MAX / 4);
    f.p.backoff = DUR_S(-1);
    assert_int_equal(proc_backoff(&f.p, 3, 0).ns, 0);
}

static void jitter_scales_the_wait_between_its_ends(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.backoff = DUR_S(10);
    f.p.jitter_milli = 250;
    assert_int_equal(proc_backoff(&f.p, 1, 0).ns, 7500000000);
    assert_int_equal(proc_backoff(&f.p, 1, UINT32_MAX).ns, 12500000000);
    int64_t middle = proc_backoff(&f.p, 1, UINT32_MAX / 2).ns;
    assert_true(middle > 9999999990 && middle <= 10 * SEC);
    f.p.jitter_milli = 1000;
    assert_int_equal(proc_backoff(&f.p, 1, 0).ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_backoff_reset_an_early_exit_from_running_backs_off_and_counts),
        cmocka_unit_test(with_backoff_reset_four_changes_can_be_in_one_step),
        cmocka_unit_test(with_backoff_reset_an_expected_exit_is_no_failure),
        cmocka_unit_test(with_backoff_reset_a_stop_after_that_long_forgets_the_retries),
        cmocka_unit_test(a_failed_spawn_is_not_taken_for_a_long_life),
        cmocka_unit_test(retry_window_ends_in_fatal_from_running_too),
        cmocka_unit_test(retry_window_replaces_the_counter_and_forgets_with_time),
        cmocka_unit_test(retry_window_is_exact_up_to_what_the_configuration_allows),
        cmocka_unit_test(retry_window_counts_to_its_size_at_most),
        cmocka_unit_test(retry_window_drops_the_oldest_when_it_is_full_of_old_ones),
        cmocka_unit_test(on_fatal_retry_starts_again_after_its_time),
        cmocka_unit_test(on_fatal_exit_ends_the_supervisor),
        cmocka_unit_test(fatal_is_final_until_a_start),
        cmocka_unit_test(the_waits_before_a_retry),
        cmocka_unit_test(jitter_scales_the_wait_between_its_ends),
    };
    return cmocka_run_group_tests_name("core_proc_retry", tests, NULL, NULL);
}
