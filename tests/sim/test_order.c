/* The supervisor as a whole in small worlds that are told exactly: who is started, signalled and
 * dead, in which order and at which millisecond. */
#include "supervisor/run/procs_impl.h"
#include "tests/fake/play.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start_goes_up_by_priority_and_shutdown_down_equal_ones_at_once(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a1");
    play_add("a", 1, "a2");
    play_add("b", 5, "b");
    play_add("c", 5, "c");
    play_add("d", 9, "d");
    play_fate("b")->obeys = DUR_MS(50);
    play_open();
    CUE(2000, play_term, &play.s);
    play_expect("0 start a1\n0 start a2\n0 start b\n0 start c\n0 start d\n"
                "2000 SIGTERM d\n2020 death d\n"
                "2020 SIGTERM b\n2020 SIGTERM c\n2040 death c\n2070 death b\n"
                "2070 SIGTERM a1\n2070 SIGTERM a2\n2090 death a1\n2090 death a2\n",
                0);
}

static void one_that_ignores_term_is_killed_after_stopwaitsecs(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_add("b", 2, "b")->stopwait_ns = 3 * SEC;
    play.conf.procs[1].stops[0].wait_ns = 3 * SEC;
    play_fate("b")->obeys = DUR_S(-1);
    play_open();
    CUE(2000, play_term, &play.s);
    play_run();
    const char *seen = str_text(&play.seen);
    assert_non_null(strstr(seen, "2000 SIGTERM b\n5000 SIGKILL b\n500"));
    assert_non_null(strstr(seen, " SIGTERM a\n"));
    play_close();
}

static void the_shutdown_timeout_kills_all_that_is_left(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_add("b", 2, "b");
    play.conf.shutdown_timeout_ns = 4 * SEC;
    play_fate("b")->obeys = DUR_S(-1);
    play_fate("b")->immortal = true;
    play_open();
    CUE(2000, play_term, &play.s);
    play_run();
    const char *seen = str_text(&play.seen);
    /* a is told to stop only now, and killed at once */
    assert_non_null(strstr(seen, "2000 SIGTERM b\n6000 SIGTERM a\n"));
    assert_non_null(strstr(seen, "6000 SIGKILL a\n"));
    assert_non_null(strstr(seen, "6000 SIGKILL b\n"));
    /* what even KILL does not end holds it for 2 s, the log for half a second */
    assert_true(mono_sub(fake_clock(), play.begin).ns <= (2 + 4 + 2) * SEC + 600000000);
    fake_heal();
    play_close();
}

static void a_second_term_hastens_the_first(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_add("b", 2, "b");
    play_fate("a")->obeys = DUR_S(-1);
    play_fate("b")->obeys = DUR_S(-1);
    play_open();
    CUE(2000, play_term, &play.s);
    CUE(2500, play_term, &play.s);
    play_run();
    const char *seen = str_text(&play.seen);
    assert_non_null(
        strstr(seen, "2000 SIGTERM b\n2500 SIGTERM a\n2500 SIGKILL a\n2500 SIGKILL b\n"));
    assert_true(mono_sub(fake_clock(), play.begin).ns < 3100000000);
    play_close();
}

/* As timeout(1) does it: to supd, and to the group that supd is in. */
static void a_term_twice_at_once_is_one(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_fate("a")->obeys = DUR_MS(500);
    play_open();
    CUE(2000, play_term, &play.s);
    CUE(2001, play_term, &play.s);
    CUE(2090, play_term, &play.s);
    play_run();
    const char *seen = str_text(&play.seen);
    assert_non_null(strstr(seen, "2000 SIGTERM a\n2500 death a\n"));
    assert_null(strstr(seen, "SIGKILL"));
    play_close();
}

/* It is no patience: the time counts from the first. */
static void a_term_again_and_again_hastens(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_fate("a")->obeys = DUR_MS(500);
    play_open();
    CUE(2000, play_term, &play.s);
    CUE(2060, play_term, &play.s);
    CUE(2120, play_term, &play.s);
    play_run();
    assert_non_null(strstr(str_text(&play.seen), "2000 SIGTERM a\n2120 SIGKILL a\n"));
    play_close();
}

static void nothing_is_started_in_a_shutdown(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a"); /* crashes while b is still stopping */
    play_add("b", 2, "b");
    play_add("c", 1, "c"); /* waits for a retry */
    *play_fate("a") = (struct fake_fate){.lives = DUR_MS(2500), .status = 1 << 8};
    *play_fate("b") = (struct fake_fate){.obeys = DUR_MS(3000)};
    *play_fate("c") = (struct fake_fate){.lives = DUR_MS(900), .status = 1 << 8};
    play_open();
    CUE(1000, play_term, &play.s);
    play_expect("0 start a\n0 start c\n0 start b\n900 death c\n1000 SIGTERM b\n2500 death a\n"
                "4000 death b\n",
                0);
}

static void a_crash_is_made_good_in_the_same_millisecond(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    *play_fate("a") =
        (struct fake_fate){.lives = DUR_MS(1500), .status = 1 << 8, .obeys = DUR_MS(1)};
    play_open();
    CUE(4000, play_term, &play.s);
    play_expect("0 start a\n1500 death a\n1500 start a\n3000 death a\n3000 start a\n"
                "4000 SIGTERM a\n4001 death a\n",
                0);
}

static void retries_wait_1_2_and_3_seconds_then_fatal(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    *play_fate("a") = (struct fake_fate){.lives = DUR_MS(100), .status = 0};
    play_open();
    CUE(60000, play_term, &play.s);
    play_expect("0 start a\n100 death a\n1100 start a\n1200 death a\n3200 start a\n3300 death a\n"
                "6300 start a\n6400 death a\n",
                0);
}

static void on_fatal_exit_ends_the_supervisor_with_1(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    struct gen_opts *b = play_add("b", 1, "b");
    b->on_fatal = GEN_FATAL_EXIT;
    b->startretries = 0;
    *play_fate("b") = (struct fake_fate){.lives = DUR_MS(100)};
    play_open();
    play_expect("0 start a\n0 start b\n100 death b\n100 SIGTERM a\n120 death a\n", 1);
}

/* What else becomes FATAL on the way down does not hasten it, nor change the status. */
static void the_first_end_decides(void **state)
{
    (void)state;
    play_begin();
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "b" : "a";
        struct gen_opts *o = play_add(name, 1, name);
        o->on_fatal = GEN_FATAL_EXIT;
        o->startretries = 0;
        *play_fate(name) = (struct fake_fate){.lives = DUR_MS(100)};
    }
    play_add("c", 1, "c");
    play_open();
    play_expect("0 start a\n0 start b\n0 start c\n100 death a\n100 SIGTERM b\n100 SIGTERM c\n"
                "100 death b\n120 death c\n",
                1);
}

static void make_room(struct fake_fate *f)
{
    f->start = FATE_STARTS;
    f->lives = (dur_t){0};
}

static void a_kernel_without_resources_costs_no_retries(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a")->startretries = 0;
    play_fate("a")->start = FATE_REFUSED;
    play_open();
    CUE(60000, make_room, play_fate("a"));
    CUE(70000, play_term, &play.s);
    play_run();
    const char *seen = str_text(&play.seen);
    char *end;
    long at = strtol(seen, &end, 10);
    assert_string_equal(end, " start a\n70000 SIGTERM a\n70020 death a\n");
    assert_in_range(at, 60000, 65000); /* it is tried every 5 s */
    assert_in_range(state_totals(play.s.state)->spawn_refused, 15, 25);
    play_close();
}

/* The same where it is the exec that there is no room for. */
static void an_exec_without_room_costs_no_retries(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a")->startretries = 0;
    *play_fate("a") = (struct fake_fate){
        .start = FATE_STEP, .errnum = EAGAIN, .lives = DUR_MS(1), .obeys = DUR_MS(20)};
    play_open();
    CUE(10000, make_room, play_fate("a"));
    CUE(30000, play_term, &play.s);
    play_run();
    const struct proc_life *l = proc_life(play_proc("a"));
    assert_in_range(l->starts, 6, 12);
    assert_int_equal(l->restarts, 0);
    assert_int_equal(l->fatals, 0);
    assert_non_null(strstr(str_text(&play.seen), "30000 SIGTERM a\n30020 death a\n"));
    play_close();
}

static int gone_pgid;

/* Its group is empty unseen, and its number is the next process's. */
static void reuse(struct proc *b)
{
    fake_vanish("a");
    fake_next_pid(gone_pgid);
    proc_start(b, PROC_WHY_OPERATOR);
}

static void kill_leader(struct proc *p)
{
    gone_pgid = proc_life(p)->pid;
    proc_stop(p);
}

/* A swept group's number that is given to a new process is not the group's any more. */
static void a_number_used_again_is_not_swept(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a")->orphans = GEN_ORPHANS_KILL;
    play_add("b", 1, "b")->autostart = 0;
    *play_fate("a") = (struct fake_fate){.obeys = DUR_MS(20), .kids = 1, .kid_obeys = DUR_S(-1)};
    play_open();
    CUE(2000, kill_leader, play_proc("a"));
    CUE(2025, reuse, play_proc("b"));
    CUE(30000, play_term, &play.s);
    play_run();
    assert_string_equal(str_text(&play.seen), "0 start a\n2000 SIGTERM a\n2020 death a\n"
                                              "2025 start b\n30000 SIGTERM b\n30020 death b\n");
    assert_int_not_equal(gone_pgid, 0);
    play_close();
}

/* As supervisord there is no limit: a second signal is one, and what is out of reach needs none. */
static void without_a_limit_the_second_term_is_one(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_fate("a")->obeys = DUR_S(-1);
    play_fate("a")->immortal = true;
    play_open();
    CUE(2000, play_term, &play.s);
    CUE(100000, play_term, &play.s);
    play_run();
    int64_t took = mono_sub(fake_clock(), play.begin).ns;
    assert_in_range(took, 100 * SEC, 103 * SEC);
    fake_heal();
    play_close();
}

static void what_is_out_of_reach_is_not_waited_for(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_add("b", 2, "b");
    play_fate("b")->untouchable = true;
    play_open();
    CUE(2000, play_term, &play.s);
    play_run();
    assert_non_null(strstr(str_text(&play.seen), "2000 SIGTERM a\n2020 death a\n"));
    assert_in_range(mono_sub(fake_clock(), play.begin).ns, 2 * SEC, 3 * SEC);
    fake_heal();
    play_close();
}

static void a_restart_waits_for_what_the_dead_leader_left(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a")->orphans = GEN_ORPHANS_KILL;
    *play_fate("a") = (struct fake_fate){.obeys = DUR_MS(20), .kids = 2, .kid_obeys = DUR_MS(300)};
    play_open();
    CUE(2000, play_restart, play_proc("a"));
    CUE(5000, play_stop, play_proc("a"));
    CUE(9000, play_term, &play.s);
    /* the group gets its TERM when the leader is dead, and is gone 300 ms later */
    play_expect("0 start a\n2000 SIGTERM a\n2020 death a\n2320 start a\n"
                "5000 SIGTERM a\n5020 death a\n",
                0);
}

static void a_stop_in_the_midst_of_a_start_leaves_nothing(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a")->autostart = 0;
    play_open();
    proc_start(play_proc("a"), PROC_WHY_OPERATOR);
    proc_stop(play_proc("a")); /* before the turn's end, when spawns are done */
    CUE(1000, play_term, &play.s);
    play_expect("", 0);
}

/* Each group that is swept is looked at once for all the orphans that died together. */
static void many_orphans_cost_few_looks(void **state)
{
    (void)state;
    static char names[8][4];
    play_begin();
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof(names[i]), "p%d", i);
        play_add(names[i], 1, names[i])->orphans = GEN_ORPHANS_KILL;
        *play_fate(names[i]) =
            (struct fake_fate){.obeys = DUR_MS(20), .kids = 15, .kid_obeys = DUR_MS(5)};
    }
    play_open();
    CUE(2000, play_term, &play.s);
    play_run();
    assert_int_equal(state_totals(play.s.state)->orphans, 8 * 15);
    assert_in_range(fake_counts().looks, 8, 8 * 8); /* not 8 for each of 120 */
    play_close();
}

static void hundreds_of_orphans_are_all_reaped(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    *play_fate("a") = (struct fake_fate){.lives = DUR_MS(1500),
                                         .status = 1 << 8,
                                         .obeys = DUR_MS(1),
                                         .kids = 50,
                                         .kid_lives = DUR_MS(100)};
    play_open();
    CUE(20000, play_term, &play.s);
    play_run();
    /* those of the last one may live on when the supervisor ends */
    assert_in_range(state_totals(play.s.state)->orphans, 13 * 50, 14 * 50);
    assert_int_equal(state_totals(play.s.state)->orphans, fake_counts().orphans);
    assert_int_equal(state_totals(play.s.state)->spawned, 14);
    play_close();
}

static void seek(struct proc *p)
{
    p->sought = true;
}

/* As at the end of a round. */
static void unseek(struct proc *p)
{
    p->sought = false;
    if (proc_life(p)->spawning)
        proc_enqueue(p);
}

/* A round that looks for what its last instance left would take the next one for that. */
static void whoever_is_looked_for_is_not_started(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_add("b", 1, "b");
    *play_fate("a") =
        (struct fake_fate){.lives = DUR_MS(1500), .status = 1 << 8, .obeys = DUR_MS(1)};
    play_open();
    CUE(1000, seek, play_proc("a"));
    CUE(2000, play_restart, play_proc("b"));
    CUE(2400, unseek, play_proc("a"));
    CUE(3500, play_term, &play.s);
    play_expect("0 start a\n0 start b\n1500 death a\n2000 SIGTERM b\n2020 death b\n2020 start b\n"
                "2400 start a\n3500 SIGTERM a\n3500 SIGTERM b\n3501 death a\n3520 death b\n",
                0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_goes_up_by_priority_and_shutdown_down_equal_ones_at_once),
        cmocka_unit_test(one_that_ignores_term_is_killed_after_stopwaitsecs),
        cmocka_unit_test(the_shutdown_timeout_kills_all_that_is_left),
        cmocka_unit_test(a_second_term_hastens_the_first),
        cmocka_unit_test(a_term_twice_at_once_is_one),
        cmocka_unit_test(a_term_again_and_again_hastens),
        cmocka_unit_test(nothing_is_started_in_a_shutdown),
        cmocka_unit_test(a_crash_is_made_good_in_the_same_millisecond),
        cmocka_unit_test(retries_wait_1_2_and_3_seconds_then_fatal),
        cmocka_unit_test(on_fatal_exit_ends_the_supervisor_with_1),
        cmocka_unit_test(the_first_end_decides),
        cmocka_unit_test(a_kernel_without_resources_costs_no_retries),
        cmocka_unit_test(an_exec_without_room_costs_no_retries),
        cmocka_unit_test(a_number_used_again_is_not_swept),
        cmocka_unit_test(without_a_limit_the_second_term_is_one),
        cmocka_unit_test(what_is_out_of_reach_is_not_waited_for),
        cmocka_unit_test(a_restart_waits_for_what_the_dead_leader_left),
        cmocka_unit_test(a_stop_in_the_midst_of_a_start_leaves_nothing),
        cmocka_unit_test(whoever_is_looked_for_is_not_started),
        cmocka_unit_test(many_orphans_cost_few_looks),
        cmocka_unit_test(hundreds_of_orphans_are_all_reaped),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
