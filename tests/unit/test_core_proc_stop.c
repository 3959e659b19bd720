/* The process machine rule by rule: the way down. */
#include "tests/unit/core_proc_fix.h"

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
    assert_int_equal(proc_next(&f.l).ns, 0);
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

static const char *restart_for_memory(struct fix *f)
{
    return fix_feed(f, (struct proc_in){.event = PROC_EV_RESTART, .why = PROC_WHY_MEMORY});
}

static void a_restart_for_memory_is_an_automatic_one_and_says_so(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    IS(restart_for_memory(&f), "RUNNING>STOPPING SIGTERM+CONT");
    assert_int_equal(f.l.why, PROC_WHY_MEMORY);
    IS(fix_exit(&f, EXIT_BY(SIGTERM)), "STOPPING>STOPPED>STARTING spawn exited");
    assert_int_equal(f.l.why, PROC_WHY_MEMORY);
    fix_spawned(&f, 2);
    assert_int_equal(f.l.restarts, 1);
    /* a stop in the middle ends it */
    fix_due(&f, 1000);
    restart_for_memory(&f);
    IS(fix_ev(&f, PROC_EV_STOP), "-");
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED exited");
}

static void restarts_for_memory_count_in_the_window(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.retry_window = DUR_S(60);
    f.p.startretries = 1;
    fix_run(&f, 1);
    restart_for_memory(&f);
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED>STARTING spawn exited");
    fix_spawned(&f, 2);
    fix_due(&f, 1000);
    restart_for_memory(&f);
    IS(fix_exit(&f, STATUS(0)), "STOPPING>STOPPED>FATAL exited");
    assert_int_equal(f.l.why, PROC_WHY_WINDOW);
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

/* ---- stop_command ---- */

static void commanded(struct fix *f)
{
    fix_init(f);
    f->p.stop_command = DUR_S(5);
    fix_run(f, 1);
    IS(fix_ev(f, PROC_EV_STOP), "RUNNING>STOPPING command");
}

static void the_stop_signal_follows_the_end_of_the_stop_command(void **state)
{
    (void)state;
    struct fix f;
    commanded(&f);
    fix_pass(&f, 2000);
    IS(fix_commanded(&f), "SIGTERM+CONT");
    IS(fix_due(&f, 10000), "SIGKILL");
    IS(fix_exit(&f, EXIT_BY(SIGKILL)), "STOPPING>STOPPED exited");
}

static void a_stop_command_that_hangs_is_killed_and_the_signals_follow(void **state)
{
    (void)state;
    struct fix f;
    commanded(&f);
    IS(fix_due(&f, 5000), "end-command SIGTERM+CONT");
    IS(fix_commanded(&f), "-");
    IS(fix_exit(&f, 0), "STOPPING>STOPPED exited");
}

static void a_stop_waits_for_the_stop_command_and_so_does_the_next_start(void **state)
{
    (void)state;
    struct fix f;
    commanded(&f);
    IS(fix_exit(&f, 0), "exited");
    IN_STATE(&f, STOPPING);
    IS(fix_ev(&f, PROC_EV_START), "-");
    IS(fix_due(&f, 5000), "end-command");
    IS(fix_commanded(&f), "STOPPING>STOPPED>STARTING spawn");
}

static void leftovers_are_swept_while_the_stop_command_runs(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    f.p.stop_command = DUR_S(5);
    fix_run(&f, 1);
    IS(fix_ev(&f, PROC_EV_STOP), "RUNNING>STOPPING command");
    IS(fix_exit_leaving(&f, 0), "SIGTERM@group+CONT exited");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "-");
    IS(fix_commanded(&f), "STOPPING>STOPPED");
}

static void haste_ends_the_stop_command_too(void **state)
{
    (void)state;
    struct fix f;
    commanded(&f);
    IS(fix_ev(&f, PROC_EV_HASTEN), "end-command SIGKILL");
    IS(fix_exit(&f, EXIT_BY(SIGKILL)), "exited");
    IS(fix_ev(&f, PROC_EV_HASTEN), "end-command");
    IS(fix_commanded(&f), "STOPPING>STOPPED");
}

static void a_changed_configuration_leaves_a_stop_command_its_time(void **state)
{
    (void)state;
    struct fix f;
    commanded(&f);
    struct proc_policy was = f.p;
    f.p.stops[0].wait = DUR_S(77);
    f.p.stop_command = DUR_S(0);
    IS(fix_feed(&f, (struct proc_in){.event = PROC_EV_POLICY, .was = &was}), "-");
    IS(fix_due(&f, 5000), "end-command SIGTERM+CONT");
}

/* ---- what comes too late ---- */

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
    assert_int_equal(proc_next(&f.l).ns, 0);
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
    assert_int_equal(proc_next(&f.l).ns, 0);
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
    assert_int_equal(proc_next(&f.l).ns, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_sends_the_stop_signal_then_kill_again_and_again),
        cmocka_unit_test(a_sequence_of_stop_signals_ends_in_kill),
        cmocka_unit_test(stopwaitsecs_of_0_kills_at_the_next_timer_then_every_second),
        cmocka_unit_test(a_restart_for_memory_is_an_automatic_one_and_says_so),
        cmocka_unit_test(restarts_for_memory_count_in_the_window),
        cmocka_unit_test(kill_goes_to_the_group_with_orphans_kill),
        cmocka_unit_test(the_stop_signal_follows_the_end_of_the_stop_command),
        cmocka_unit_test(a_stop_command_that_hangs_is_killed_and_the_signals_follow),
        cmocka_unit_test(a_stop_waits_for_the_stop_command_and_so_does_the_next_start),
        cmocka_unit_test(leftovers_are_swept_while_the_stop_command_runs),
        cmocka_unit_test(haste_ends_the_stop_command_too),
        cmocka_unit_test(a_changed_configuration_leaves_a_stop_command_its_time),
        cmocka_unit_test(stop_before_the_spawn_was_answered_cancels_it),
        cmocka_unit_test(a_child_that_comes_after_the_cancel_is_stopped),
        cmocka_unit_test(stop_between_two_tries_of_a_refused_spawn_just_stops),
        cmocka_unit_test(start_while_stopping_starts_again_and_stop_takes_it_back),
        cmocka_unit_test(restart_in_each_state),
        cmocka_unit_test(shutdown_in_backoff_is_fatal_but_counts_as_none),
        cmocka_unit_test(shutdown_takes_back_every_start_that_waits),
        cmocka_unit_test(hasten_kills_now),
    };
    return cmocka_run_group_tests_name("core_proc_stop", tests, NULL, NULL);
}
