/* The process machine rule by rule; the names of the tests are the rules. */
#include "tests/unit/core_proc_fix.h"

/* ---- start ---- */

static void a_new_life_is_stopped_and_waits_for_nothing(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    IN_STATE(&f, STOPPED);
    IS(fix_ev(&f, PROC_EV_TIMER), "-");
    assert_int_equal(f.l.next.ns, 0);
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
    assert_int_equal(f.l.next.ns, 0);
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
    assert_int_equal(f.l.next.ns, 0);
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
    assert_int_equal(f.l.delays, 0);
    assert_int_equal(f.l.starts, 1);
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
    assert_int_equal(f.l.next.ns, 0);
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
    assert_int_equal(f.l.next.ns, 0);
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
    assert_int_equal(f.l.next.ns, 0);
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
    f.p.startretries = 31;
    f.p.autorestart = PROC_RESTART_ALWAYS;
    fix_run(&f, 1);
    for (int n = 2; n < 32; n++) {
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
    assert_int_equal(f.l.next.ns, 0);
}

static void on_fatal_exit_ends_the_supervisor(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 0;
    f.p.on_fatal = PROC_FATAL_EXIT;
    fix_start(&f, 1);
    IS(fix_exit(&f, STATUS(1)), "STARTING>BACKOFF>FATAL exit-supervisor exited");
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

/* ---- stop ---- */

static void stop_sends_the_stop_signal_then_kill_again_and_again(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_STOP), "RUNNING>STOPPING SIGTERM+CONT");
    assert_int_equal(f.l.why, PROC_WHY_OPERATOR);
    assert_int_equal(f.l.want, 0);
    for (int n = 1; n < 300; n++) {
        IS(fix_due(&f, 10000), "SIGKILL");
        assert_int_equal(f.l.kills, n < 255 ? n : 255);
    }
    IS(fix_exit(&f, EXIT_BY(SIGKILL)), "STOPPING>STOPPED exited");
    assert_int_equal(f.l.why, PROC_WHY_STOPPED);
    assert_int_equal(f.l.exit_status, SIGKILL);
    assert_int_equal(f.l.next.ns, 0);
}

static void a_sequence_of_stop_signals_ends_in_kill(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.stops[0] = (struct proc_stop_step){SIGINT, DUR_S(3)};
    f.p.stops[1] = (struct proc_stop_step){SIGTERM, DUR_S(2)};
    f.p.stops[2] = (struct proc_stop_step){SIGKILL, DUR_S(4)};
    f.p.nstops = 3;
    f.p.stopasgroup = true;
    fix_start(&f, 1);
    IS(fix_ev(&f, PROC_EV_STOP), "STARTING>STOPPING SIGINT@group+CONT");
    IS(fix_due(&f, 3000), "SIGTERM@group+CONT");
    IS(fix_due(&f, 2000), "SIGKILL");
    IS(fix_due(&f, 4000), "SIGKILL");
    IS(fix_due(&f, 10000), "SIGKILL");
}

static void stopwaitsecs_of_0_kills_at_the_next_timer_then_every_second(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.stopwait = f.p.stops[0].wait = DUR_S(0);
    f.p.killasgroup = true;
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_STOP), "RUNNING>STOPPING SIGTERM+CONT");
    IS(fix_due(&f, 0), "SIGKILL@group");
    IS(fix_due(&f, 1000), "SIGKILL@group");
}

static void kill_goes_to_the_group_with_orphans_kill(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_STOP), "RUNNING>STOPPING SIGTERM+CONT");
    IS(fix_due(&f, 10000), "SIGKILL@group");
}

static void stop_before_the_spawn_was_answered_cancels_it(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_ev(&f, PROC_EV_START);
    IS(fix_ev(&f, PROC_EV_STOP), "STARTING>STOPPED cancel");
    IS(fix_ev(&f, PROC_EV_DELAYED), "-");
    IS(fix_ev(&f, PROC_EV_CANNOT), "-");
    IN_STATE(&f, STOPPED);
}

static void a_child_that_comes_after_the_cancel_is_stopped(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_ev(&f, PROC_EV_START);
    fix_ev(&f, PROC_EV_STOP);
    IS(fix_spawned(&f, 33), "STOPPED>STOPPING SIGTERM+CONT");
    assert_int_equal(f.l.pid, 33);
    assert_int_equal(f.l.starts, 1);
    assert_int_equal(f.l.want, 0);
    IS(fix_exit(&f, EXIT_BY(SIGTERM)), "STOPPING>STOPPED exited");
}

static void stop_between_two_tries_of_a_refused_spawn_just_stops(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_ev(&f, PROC_EV_START);
    fix_ev(&f, PROC_EV_DELAYED);
    IS(fix_ev(&f, PROC_EV_STOP), "STARTING>STOPPED");
    assert_int_equal(f.l.next.ns, 0);
}

static void start_while_stopping_starts_again_and_stop_takes_it_back(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_STOP);
    IS(fix_ev(&f, PROC_EV_START), "-");
    assert_int_equal(f.l.want, 1);
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED>STARTING spawn exited");
    assert_int_equal(f.l.why, PROC_WHY_OPERATOR);
    fix_spawned(&f, 2);
    assert_int_equal(f.l.restarts, 0);
    fix_ev(&f, PROC_EV_STOP);
    fix_ev(&f, PROC_EV_START);
    IS(fix_ev(&f, PROC_EV_STOP), "-");
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED exited");
    IN_STATE(&f, STOPPED);
}

static void restart_in_each_state(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    IS(fix_ev(&f, PROC_EV_RESTART), "STOPPED>STARTING spawn");
    IS(fix_ev(&f, PROC_EV_RESTART), "-"); /* it is only just starting */
    fix_spawned(&f, 1);
    IS(fix_ev(&f, PROC_EV_RESTART), "STARTING>STOPPING SIGTERM+CONT");
    IS(fix_ev(&f, PROC_EV_RESTART), "-");
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED>STARTING spawn exited");
    fix_spawned(&f, 2);
    fix_exit(&f, STATUS(0));
    IN_STATE(&f, BACKOFF);
    IS(fix_ev(&f, PROC_EV_RESTART), "BACKOFF>STOPPED>STARTING spawn");
    fix_spawned(&f, 3);
    fix_due(&f, 1000);
    IS(fix_ev(&f, PROC_EV_RESTART), "RUNNING>STOPPING SIGTERM+CONT");
}

static void shutdown_in_backoff_is_fatal_but_counts_as_none(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.on_fatal = PROC_FATAL_RETRY;
    f.p.fatal_retry = DUR_S(1);
    fix_start(&f, 1);
    fix_exit(&f, STATUS(1));
    IS(fix_ev(&f, PROC_EV_SHUTDOWN), "BACKOFF>FATAL");
    assert_int_equal(f.l.why, PROC_WHY_SHUTDOWN);
    assert_int_equal(f.l.fatals, 0);
    assert_int_equal(f.l.tries, 0);
    assert_int_equal(f.l.next.ns, 0);
}

static void shutdown_takes_back_every_start_that_waits(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_RESTART);
    IS(fix_ev(&f, PROC_EV_SHUTDOWN), "-");
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED exited");
    f.p.startretries = 0;
    f.p.on_fatal = PROC_FATAL_RETRY;
    f.p.fatal_retry = DUR_S(1);
    fix_start(&f, 2);
    fix_exit(&f, STATUS(0));
    IS(fix_ev(&f, PROC_EV_SHUTDOWN), "-");
    IN_STATE(&f, FATAL);
    assert_int_equal(f.l.next.ns, 0);
    fix_init(&f);
    fix_ev(&f, PROC_EV_START);
    IS(fix_ev(&f, PROC_EV_SHUTDOWN), "STARTING>STOPPED cancel");
    assert_int_equal(f.l.why, PROC_WHY_SHUTDOWN);
}

static void hasten_kills_now(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_HASTEN), "-");
    fix_ev(&f, PROC_EV_STOP);
    fix_pass(&f, 500);
    IS(fix_ev(&f, PROC_EV_HASTEN), "SIGKILL");
    IS(fix_due(&f, 10000), "SIGKILL");
}

/* ---- what a dead leader leaves ---- */

static void orphans_are_left_alone_by_default(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    IS(fix_exit_leaving(&f, STATUS(1)), "RUNNING>EXITED>STARTING spawn exited");
    assert_int_equal(f.l.sweep, 0);
}

static struct fix leaves_orphans(void)
{
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    fix_run(&f, 1);
    return f;
}

static void after_a_crash_the_group_is_ended_before_the_restart(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    IS(fix_exit_leaving(&f, STATUS(1)), "RUNNING>EXITED SIGTERM@group+CONT exited");
    assert_int_equal(f.l.sweep, 1);
    assert_int_equal(f.l.pgid, 1);
    static const int polls[] = {10, 20, 40, 80, 160, 320, 500, 500};
    for (size_t i = 0; i < sizeof(polls) / sizeof(polls[0]); i++)
        IS(fix_due(&f, polls[i]), "check");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "EXITED>STARTING spawn");
    assert_int_equal(f.l.why, PROC_WHY_AUTORESTART);
    assert_int_equal(f.l.sweep, 0);
    fix_spawned(&f, 2);
    assert_int_equal(f.l.restarts, 1);
}

static void a_group_that_survives_kill_is_left_alone_at_last(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    f.p.stopwait = DUR_S(2);
    fix_exit_leaving(&f, STATUS(1));
    mono_t crashed = f.now, killed = MONO_NEVER;
    unsigned kills = 0, guard = 0;
    while (f.l.sweep && guard++ < 1000) {
        f.now = f.l.next;
        fix_ev(&f, PROC_EV_TIMER);
        if (f.o.signal == SIGKILL) {
            kills++;
            killed = f.now;
            IS(f.line, " SIGKILL@group");
        }
    }
    assert_int_equal(kills, 1);
    assert_int_equal(killed.ns - crashed.ns, 10 * SEC);
    IS(f.line, " EXITED>STARTING spawn gave-up-sweep");
    assert_int_equal(f.now.ns - killed.ns, 5 * SEC);
}

static void a_retry_waits_for_the_group_and_for_its_delay(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    fix_start(&f, 1);
    IS(fix_exit_leaving(&f, STATUS(1)), "STARTING>BACKOFF SIGTERM@group+CONT exited");
    mono_t due = f.l.due;
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "-");
    f.now = due;
    IS(fix_ev(&f, PROC_EV_TIMER), "BACKOFF>STARTING spawn");
    fix_spawned(&f, 2);
    fix_exit_leaving(&f, STATUS(1));
    f.now = f.l.due;
    IS(fix_ev(&f, PROC_EV_TIMER), "check"); /* the delay is over, the group is not */
    IN_STATE(&f, BACKOFF);
    assert_true(f.l.next.ns > f.now.ns);
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "BACKOFF>STARTING spawn");
    assert_int_equal(f.l.why, PROC_WHY_RETRY);
}

static void a_final_exit_sweeps_too_and_a_start_waits_for_it(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    IS(fix_exit_leaving(&f, STATUS(0)), "RUNNING>EXITED SIGTERM@group+CONT exited");
    IS(fix_ev(&f, PROC_EV_START), "-");
    IN_STATE(&f, EXITED);
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "EXITED>STARTING spawn");
    assert_int_equal(f.l.why, PROC_WHY_OPERATOR);
}

static void stop_takes_back_a_restart_that_waits_for_the_group(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    fix_exit_leaving(&f, STATUS(1));
    IS(fix_ev(&f, PROC_EV_STOP), "-");
    IN_STATE(&f, EXITED);
    assert_int_equal(f.l.want, 0);
    assert_int_equal(f.l.sweep, 1);
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "-");
    IN_STATE(&f, EXITED);
    assert_int_equal(f.l.next.ns, 0);
}

static void a_stop_lasts_until_the_group_is_empty(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    fix_ev(&f, PROC_EV_STOP);
    fix_pass(&f, 4000);
    IS(fix_exit_leaving(&f, STATUS(0)), "SIGTERM@group+CONT exited");
    IN_STATE(&f, STOPPING);
    assert_int_equal(f.l.pid, 0);
    assert_int_equal(f.l.sweep_due.ns - f.now.ns, 6 * SEC); /* the same schedule goes on */
    f.now = f.l.sweep_due;
    IS(fix_ev(&f, PROC_EV_TIMER), "SIGKILL@group");
    IS(fix_due(&f, 10), "check");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "STOPPING>STOPPED");
    assert_int_equal(f.l.next.ns, 0);
}

static void a_group_that_had_the_signal_is_not_sent_it_twice(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    f.p.stopasgroup = true;
    IS(fix_ev(&f, PROC_EV_STOP), "RUNNING>STOPPING SIGTERM@group+CONT");
    IS(fix_exit_leaving(&f, STATUS(0)), "exited");
    assert_int_equal(f.l.sweep, 1);
}

static void a_stop_that_reached_kill_gives_the_group_up_in_time(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    fix_ev(&f, PROC_EV_STOP);
    fix_due(&f, 10000);
    IS(fix_exit_leaving(&f, EXIT_BY(SIGKILL)), "SIGKILL@group exited");
    assert_int_equal(f.l.sweep_due.ns - f.now.ns, 10 * SEC);
    IS(fix_ev(&f, PROC_EV_HASTEN), "SIGKILL@group");
    assert_int_equal(f.l.sweep_due.ns - f.now.ns, 10 * SEC);
    f.now = f.l.sweep_due;
    IS(fix_ev(&f, PROC_EV_TIMER), "STOPPING>STOPPED gave-up-sweep");
}

static void a_restart_by_hand_waits_for_the_group(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    fix_ev(&f, PROC_EV_RESTART);
    fix_exit_leaving(&f, STATUS(0));
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "STOPPING>STOPPED>STARTING spawn");
    fix_spawned(&f, 2);
    fix_ev(&f, PROC_EV_STOP);
    fix_exit_leaving(&f, STATUS(0));
    IS(fix_ev(&f, PROC_EV_RESTART), "-"); /* only the group is left: it joins in */
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "STOPPING>STOPPED>STARTING spawn");
}

static void hasten_kills_a_sweep_once_and_its_patience_counts_from_there(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    fix_exit_leaving(&f, STATUS(1));
    IS(fix_ev(&f, PROC_EV_HASTEN), "SIGKILL@group");
    mono_t end = mono_add(f.now, DUR_S(10));
    fix_pass(&f, 7000);
    IS(fix_ev(&f, PROC_EV_HASTEN), "SIGKILL@group");
    assert_int_equal(f.l.sweep_due.ns, end.ns);
}

static void fatal_with_leftovers_waits_with_its_retry(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    f.p.startretries = 0;
    f.p.on_fatal = PROC_FATAL_RETRY;
    f.p.fatal_retry = DUR_MS(5);
    fix_start(&f, 1);
    IS(fix_exit_leaving(&f, STATUS(1)), "STARTING>BACKOFF>FATAL SIGTERM@group+CONT exited");
    IS(fix_due(&f, 5), "-");
    IN_STATE(&f, FATAL);
    assert_int_equal(f.l.restart, 2);
    IS(fix_ev(&f, PROC_EV_STOP), "FATAL>STOPPED");
    IS(fix_ev(&f, PROC_EV_START), "-");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "STOPPED>STARTING spawn");
}

static void cannot_can_leave_a_group_behind(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    IS(fix_feed(&f, (struct proc_in){.event = PROC_EV_CANNOT, .group_alive = true}),
       "RUNNING>BACKOFF SIGTERM@group+CONT");
    assert_int_equal(f.l.sweep, 1);
}

static void a_shrunken_policy_in_a_stop_still_ends_it(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    f.p.stops[0] = f.p.stops[1] = (struct proc_stop_step){SIGINT, DUR_S(1)};
    f.p.nstops = 2;
    fix_ev(&f, PROC_EV_STOP);
    fix_due(&f, 1000);
    f.p.stops[0] = (struct proc_stop_step){SIGTERM, DUR_S(1)};
    f.p.nstops = 1; /* reloaded meanwhile */
    IS(fix_exit_leaving(&f, STATUS(0)), "SIGTERM@group+CONT exited");
    f.now = f.l.sweep_due;
    IS(fix_ev(&f, PROC_EV_TIMER), "SIGKILL@group");
}

/* ---- kill() fails ---- */

static void a_failed_kill_is_unknown_until_the_process_exits(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_STOP);
    IS(fix_ev(&f, PROC_EV_KILL_FAILED), "STOPPING>UNKNOWN");
    assert_int_equal(f.l.next.ns, 0);
    IS(fix_ev(&f, PROC_EV_START), "-");
    IS(fix_ev(&f, PROC_EV_RESTART), "-");
    assert_int_equal(f.l.want, 0);
    IS(fix_ev(&f, PROC_EV_KILL_FAILED), "-");
    IS(fix_exit(&f, STATUS(1)), "UNKNOWN>EXITED exited");
    IS(fix_ev(&f, PROC_EV_START), "EXITED>STARTING spawn");
}

static void an_unknown_process_that_is_wanted_comes_back(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_ev(&f, PROC_EV_RESTART);
    fix_ev(&f, PROC_EV_KILL_FAILED);
    IS(fix_exit(&f, STATUS(1)), "UNKNOWN>EXITED>STARTING spawn exited");
}

static void an_unknown_process_whose_start_had_failed(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 1);
    fix_ev(&f, PROC_EV_STOP);
    fix_ev(&f, PROC_EV_KILL_FAILED);
    IS(fix_ev(&f, PROC_EV_CANNOT), "UNKNOWN>EXITED");
    fix_start(&f, 2);
    IS(fix_ev(&f, PROC_EV_KILL_FAILED), "STARTING>UNKNOWN");
    IS(fix_ev(&f, PROC_EV_CANNOT), "UNKNOWN>BACKOFF");
}

static void leftovers_that_cannot_be_killed_are_let_go(void **state)
{
    (void)state;
    struct fix f = leaves_orphans();
    fix_exit_leaving(&f, STATUS(1));
    IS(fix_ev(&f, PROC_EV_KILL_FAILED), "EXITED>STARTING spawn gave-up-sweep");
}

static void events_about_what_is_not_there_change_nothing(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    IS(fix_exit(&f, STATUS(0)), "-");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "-");
    IS(fix_ev(&f, PROC_EV_KILL_FAILED), "-");
    IS(fix_ev(&f, PROC_EV_HASTEN), "-");
    IS(fix_ev(&f, PROC_EV_STOP), "-");
    IS(fix_spawned(&f, 0), "-");
    fix_run(&f, 1);
    IS(fix_spawned(&f, 2), "-");
    assert_int_equal(f.l.pid, 1);
}

static void supervisors_sets_of_states(void **state)
{
    (void)state;
    static const struct {
        enum proc_state s;
        bool stopped, running, signallable;
    } rows[] = {
        {PROC_STOPPED, 1, 0, 0}, {PROC_STARTING, 0, 1, 1}, {PROC_RUNNING, 0, 1, 1},
        {PROC_BACKOFF, 0, 1, 0}, {PROC_STOPPING, 0, 0, 1}, {PROC_EXITED, 1, 0, 0},
        {PROC_FATAL, 1, 0, 0},   {PROC_UNKNOWN, 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proc_life l;
        proc_init(&l);
        l.state = (uint16_t)rows[i].s;
        assert_int_equal(proc_is_stopped(&l), rows[i].stopped);
        assert_int_equal(proc_is_running(&l), rows[i].running);
        assert_int_equal(proc_is_signallable(&l), rows[i].signallable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(name)
        T(a_new_life_is_stopped_and_waits_for_nothing),
        T(start_spawns_and_runs_after_startsecs),
        T(startsecs_of_0_or_less_runs_at_the_next_timer),
        T(a_timer_too_early_changes_nothing),
        T(start_of_what_is_up_changes_nothing),
        T(a_refused_spawn_is_tried_again_on_its_own_clock_and_spends_no_retries),
        T(startretries_of_3_gives_4_spawns_after_1_2_and_3_seconds),
        T(startretries_of_0_gives_one_spawn),
        T(a_quick_exit_with_an_expected_code_is_a_failure_too),
        T(an_exit_at_startsecs_passes_through_running),
        T(the_counter_survives_stop_in_backoff_and_the_next_start),
        T(the_counter_is_reset_by_running_and_by_giving_up),
        T(cannot_without_a_child_is_a_spawn_error),
        T(cannot_with_a_child_counts_the_child_but_has_no_exit),
        T(cannot_after_running_was_assumed_goes_on_counting),
        T(cannot_while_stopping_is_the_end_of_the_stop),
        T(autorestart_unexpected_judges_by_exitcodes),
        T(a_death_by_signal_is_never_expected),
        T(autorestart_true_restarts_always_and_false_never),
        T(a_crash_loop_after_startsecs_has_no_limit),
        T(with_backoff_reset_an_early_exit_from_running_backs_off_and_counts),
        T(with_backoff_reset_four_changes_can_be_in_one_step),
        T(with_backoff_reset_an_expected_exit_is_no_failure),
        T(with_backoff_reset_a_stop_after_that_long_forgets_the_retries),
        T(a_failed_spawn_is_not_taken_for_a_long_life),
        T(retry_window_ends_in_fatal_from_running_too),
        T(retry_window_replaces_the_counter_and_forgets_with_time),
        T(retry_window_counts_to_its_size_at_most),
        T(retry_window_drops_the_oldest_when_it_is_full_of_old_ones),
        T(on_fatal_retry_starts_again_after_its_time),
        T(on_fatal_exit_ends_the_supervisor),
        T(fatal_is_final_until_a_start),
        T(the_waits_before_a_retry),
        T(jitter_scales_the_wait_between_its_ends),
        T(stop_sends_the_stop_signal_then_kill_again_and_again),
        T(a_sequence_of_stop_signals_ends_in_kill),
        T(stopwaitsecs_of_0_kills_at_the_next_timer_then_every_second),
        T(kill_goes_to_the_group_with_orphans_kill),
        T(stop_before_the_spawn_was_answered_cancels_it),
        T(a_child_that_comes_after_the_cancel_is_stopped),
        T(stop_between_two_tries_of_a_refused_spawn_just_stops),
        T(start_while_stopping_starts_again_and_stop_takes_it_back),
        T(restart_in_each_state),
        T(shutdown_in_backoff_is_fatal_but_counts_as_none),
        T(shutdown_takes_back_every_start_that_waits),
        T(hasten_kills_now),
        T(orphans_are_left_alone_by_default),
        T(after_a_crash_the_group_is_ended_before_the_restart),
        T(a_group_that_survives_kill_is_left_alone_at_last),
        T(a_retry_waits_for_the_group_and_for_its_delay),
        T(a_final_exit_sweeps_too_and_a_start_waits_for_it),
        T(stop_takes_back_a_restart_that_waits_for_the_group),
        T(a_stop_lasts_until_the_group_is_empty),
        T(a_group_that_had_the_signal_is_not_sent_it_twice),
        T(a_stop_that_reached_kill_gives_the_group_up_in_time),
        T(a_restart_by_hand_waits_for_the_group),
        T(hasten_kills_a_sweep_once_and_its_patience_counts_from_there),
        T(fatal_with_leftovers_waits_with_its_retry),
        T(cannot_can_leave_a_group_behind),
        T(a_shrunken_policy_in_a_stop_still_ends_it),
        T(a_failed_kill_is_unknown_until_the_process_exits),
        T(an_unknown_process_that_is_wanted_comes_back),
        T(an_unknown_process_whose_start_had_failed),
        T(leftovers_that_cannot_be_killed_are_let_go),
        T(events_about_what_is_not_there_change_nothing),
        T(supervisors_sets_of_states),
#undef T
    };
    return cmocka_run_group_tests_name("core_proc", tests, NULL, NULL);
}
