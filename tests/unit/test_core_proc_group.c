/* The process machine rule by rule: what a dead leader leaves, and what cannot be signalled. */
#include "tests/unit/core_proc_fix.h"

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
        f.now = proc_next(&f.l);
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
    assert_true(proc_next(&f.l).ns > f.now.ns);
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
    IS(fix_ev(&f, PROC_EV_STOP), "EXITED>STOPPING");
    assert_int_equal(f.l.want, 0);
    assert_int_equal(f.l.sweep, 1);
    IS(fix_due(&f, 10), "check");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "STOPPING>STOPPED");
    assert_int_equal(proc_next(&f.l).ns, 0);
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
    assert_int_equal(proc_next(&f.l).ns, 0);
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
    IS(fix_ev(&f, PROC_EV_STOP), "FATAL>STOPPING");
    IS(fix_ev(&f, PROC_EV_START), "-");
    IS(fix_ev(&f, PROC_EV_GROUP_EMPTY), "STOPPING>STOPPED>STARTING spawn");
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
    assert_int_equal(proc_next(&f.l).ns, 0);
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
        cmocka_unit_test(orphans_are_left_alone_by_default),
        cmocka_unit_test(after_a_crash_the_group_is_ended_before_the_restart),
        cmocka_unit_test(a_group_that_survives_kill_is_left_alone_at_last),
        cmocka_unit_test(a_retry_waits_for_the_group_and_for_its_delay),
        cmocka_unit_test(a_final_exit_sweeps_too_and_a_start_waits_for_it),
        cmocka_unit_test(stop_takes_back_a_restart_that_waits_for_the_group),
        cmocka_unit_test(a_stop_lasts_until_the_group_is_empty),
        cmocka_unit_test(a_group_that_had_the_signal_is_not_sent_it_twice),
        cmocka_unit_test(a_stop_that_reached_kill_gives_the_group_up_in_time),
        cmocka_unit_test(a_restart_by_hand_waits_for_the_group),
        cmocka_unit_test(hasten_kills_a_sweep_once_and_its_patience_counts_from_there),
        cmocka_unit_test(fatal_with_leftovers_waits_with_its_retry),
        cmocka_unit_test(cannot_can_leave_a_group_behind),
        cmocka_unit_test(a_shrunken_policy_in_a_stop_still_ends_it),
        cmocka_unit_test(a_failed_kill_is_unknown_until_the_process_exits),
        cmocka_unit_test(an_unknown_process_that_is_wanted_comes_back),
        cmocka_unit_test(an_unknown_process_whose_start_had_failed),
        cmocka_unit_test(leftovers_that_cannot_be_killed_are_let_go),
        cmocka_unit_test(events_about_what_is_not_there_change_nothing),
        cmocka_unit_test(supervisors_sets_of_states),
    };
    return cmocka_run_group_tests_name("core_proc_group", tests, NULL, NULL);
}
