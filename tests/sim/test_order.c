/* The supervisor as a whole in small worlds that are told exactly: who is started, signalled and
 * dead, in which order and at which millisecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/base/log.h"
#include "supervisor/base/str.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/shutdown.h"
#include "tests/fake/stage.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEC INT64_C(1000000000)

struct play {
    struct sup s;
    struct gen_make conf;
    struct fake_fate fates[MAKE_PROCS]; /* of the processes in their order */
    struct str seen;                    /* "0 start a\n" */
    mono_t begin;
    struct loop_timer cue[4];
    unsigned ncues;
};

static struct play play;

/* ---- setting the stage ---- */

static struct gen_proc *add_proc(const char *group, int32_t priority, const char *name)
{
    struct gen_make *m = &play.conf;
    if (!m->ngroups || strcmp(m->groups[m->ngroups - 1].name, group) != 0) {
        snprintf(m->groups[m->ngroups].name, sizeof(m->groups[0].name), "%s", group);
        m->groups[m->ngroups++].priority = priority;
    }
    m->groups[m->ngroups - 1].nprocs++;
    uint32_t i = m->nprocs++;
    snprintf(m->procs[i].name, sizeof(m->procs[i].name), "%s", name);
    m->procs[i].stops[0] = (struct gen_stop){.sig = SIGTERM, .wait_ns = 10 * SEC};
    m->procs[i].nstops = 1;
    m->procs[i].rec = (struct gen_proc){.autostart = 1,
                                        .autorestart = GEN_RESTART_UNEXPECTED,
                                        .exitcodes = {1},
                                        .startsecs_ns = SEC,
                                        .startretries = 3,
                                        .backoff_ns = SEC,
                                        .stopwait_ns = 10 * SEC};
    play.fates[i] = (struct fake_fate){.obeys = DUR_MS(20)};
    return &m->procs[i].rec;
}

static struct fake_fate *fate_of(const char *name)
{
    uint32_t i = 0;
    while (i < play.conf.nprocs - 1 && strcmp(play.conf.procs[i].name, name) != 0)
        i++;
    return &play.fates[i];
}

static void fate(void *obj, const struct spawn_request *rq, struct fake_fate *out)
{
    (void)obj;
    *out = *fate_of(rq->argv[0]);
}

static void note(void *obj, const char *what, const char *name)
{
    (void)obj;
    str_printf(&play.seen, "%lld %s %s\n",
               (long long)(mono_sub(fake_clock(), play.begin).ns / 1000000), what, name);
}

static void begin_play(void)
{
    memset(&play, 0, sizeof(play));
    log_setup(open("/dev/null", O_WRONLY | O_CLOEXEC), LVL_CRITICAL, false);
    play.conf.shutdown_timeout_ns = -1;
    fake_reset(1, 0);
}

/* calls fn(obj) at a millisecond of the play; two cues of one millisecond come in any order */
#define CUE(ms, fn, o)                                                                             \
    do {                                                                                           \
        struct loop_timer *t = &play.cue[play.ncues++];                                            \
        LOOP_TIMER(t, play.s.loop, fn, o);                                                         \
        loop_timer_at(t, mono_add(play.begin, DUR_MS(ms)));                                        \
    } while (0)

static void open_play(void)
{
    play.begin = fake_clock();
    fake_on_spawn(fate, NULL);
    fake_on_seen(note, NULL);
    stage_open(&play.s, &play.conf);
}

/* plays until the supervisor ends, and compares what was seen */
static void expect(const char *text, int exit_code)
{
    loop_run(play.s.loop);
    if (fake_broken())
        fail_msg("%s\n%s", fake_broken(), str_text(&play.seen));
    assert_string_equal(str_text(&play.seen), text);
    assert_int_equal(play.s.exit_code, exit_code);
    int fd = log_fd();
    stage_close(&play.s);
    str_fini(&play.seen);
    (void)fd;
}

static struct proc *proc_called(const char *name)
{
    struct proc *p = procs_first(&play.s);
    while (p && strcmp(proc_name(p), name) != 0)
        p = procs_next(p);
    assert_non_null(p);
    return p;
}

static void term(struct sup *s)
{
    (void)s;
    fake_signal(SIGTERM);
}

/* ---- the plays ---- */

static void start_goes_up_by_priority_and_shutdown_down_equal_ones_at_once(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a1");
    add_proc("a", 1, "a2");
    add_proc("b", 5, "b");
    add_proc("c", 5, "c");
    add_proc("d", 9, "d");
    fate_of("b")->obeys = DUR_MS(50);
    open_play();
    CUE(2000, term, &play.s);
    expect("0 start a1\n0 start a2\n0 start b\n0 start c\n0 start d\n"
           "2000 SIGTERM d\n2020 death d\n"
           "2020 SIGTERM b\n2020 SIGTERM c\n2040 death c\n2070 death b\n"
           "2070 SIGTERM a1\n2070 SIGTERM a2\n2090 death a1\n2090 death a2\n",
           0);
}

static void one_that_ignores_term_is_killed_after_stopwaitsecs(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a");
    add_proc("b", 2, "b")->stopwait_ns = 3 * SEC;
    play.conf.procs[1].stops[0].wait_ns = 3 * SEC;
    fate_of("b")->obeys = DUR_S(-1);
    open_play();
    CUE(2000, term, &play.s);
    loop_run(play.s.loop);
    const char *seen = str_text(&play.seen);
    assert_non_null(strstr(seen, "2000 SIGTERM b\n5000 SIGKILL b\n500"));
    assert_non_null(strstr(seen, " SIGTERM a\n"));
    stage_close(&play.s);
    str_fini(&play.seen);
}

static void the_shutdown_timeout_kills_all_that_is_left(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a");
    add_proc("b", 2, "b");
    play.conf.shutdown_timeout_ns = 4 * SEC;
    fate_of("b")->obeys = DUR_S(-1);
    fate_of("b")->immortal = true;
    open_play();
    CUE(2000, term, &play.s);
    loop_run(play.s.loop);
    const char *seen = str_text(&play.seen);
    /* a is told to stop only now, and killed at once */
    assert_non_null(strstr(seen, "2000 SIGTERM b\n6000 SIGTERM a\n"));
    assert_non_null(strstr(seen, "6000 SIGKILL a\n"));
    assert_non_null(strstr(seen, "6000 SIGKILL b\n"));
    /* what even KILL does not end holds it for 2 s, the log for half a second */
    assert_true(mono_sub(fake_clock(), play.begin).ns <= (2 + 4 + 2) * SEC + 600000000);
    fake_heal();
    stage_close(&play.s);
    str_fini(&play.seen);
}

static void a_second_term_hastens_the_first(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a");
    add_proc("b", 2, "b");
    fate_of("a")->obeys = DUR_S(-1);
    fate_of("b")->obeys = DUR_S(-1);
    open_play();
    CUE(2000, term, &play.s);
    CUE(2500, term, &play.s);
    loop_run(play.s.loop);
    const char *seen = str_text(&play.seen);
    assert_non_null(
        strstr(seen, "2000 SIGTERM b\n2500 SIGTERM a\n2500 SIGKILL a\n2500 SIGKILL b\n"));
    assert_true(mono_sub(fake_clock(), play.begin).ns < 3100000000);
    stage_close(&play.s);
    str_fini(&play.seen);
}

static void nothing_is_started_in_a_shutdown(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a"); /* crashes while b is still stopping */
    add_proc("b", 2, "b");
    add_proc("c", 1, "c"); /* waits for a retry */
    *fate_of("a") = (struct fake_fate){.lives = DUR_MS(2500), .status = 1 << 8};
    *fate_of("b") = (struct fake_fate){.obeys = DUR_MS(3000)};
    *fate_of("c") = (struct fake_fate){.lives = DUR_MS(900), .status = 1 << 8};
    open_play();
    CUE(1000, term, &play.s);
    expect("0 start a\n0 start c\n0 start b\n900 death c\n1000 SIGTERM b\n2500 death a\n"
           "4000 death b\n",
           0);
}

static void a_crash_is_made_good_in_the_same_millisecond(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a");
    *fate_of("a") = (struct fake_fate){.lives = DUR_MS(1500), .status = 1 << 8, .obeys = DUR_MS(1)};
    open_play();
    CUE(4000, term, &play.s);
    expect("0 start a\n1500 death a\n1500 start a\n3000 death a\n3000 start a\n"
           "4000 SIGTERM a\n4001 death a\n",
           0);
}

static void retries_wait_1_2_and_3_seconds_then_fatal(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a");
    *fate_of("a") = (struct fake_fate){.lives = DUR_MS(100), .status = 0};
    open_play();
    CUE(60000, term, &play.s);
    expect("0 start a\n100 death a\n1100 start a\n1200 death a\n3200 start a\n3300 death a\n"
           "6300 start a\n6400 death a\n",
           0);
}

static void on_fatal_exit_ends_the_supervisor_with_1(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a");
    struct gen_proc *b = add_proc("b", 1, "b");
    b->on_fatal = GEN_FATAL_EXIT;
    b->startretries = 0;
    *fate_of("b") = (struct fake_fate){.lives = DUR_MS(100)};
    open_play();
    expect("0 start a\n0 start b\n100 death b\n100 SIGTERM a\n120 death a\n", 1);
}

static void make_room(struct fake_fate *f)
{
    f->start = FATE_STARTS;
}

static void a_kernel_without_resources_costs_no_retries(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a")->startretries = 0;
    fate_of("a")->start = FATE_REFUSED;
    open_play();
    CUE(60000, make_room, fate_of("a"));
    CUE(70000, term, &play.s);
    loop_run(play.s.loop);
    const char *seen = str_text(&play.seen);
    char *end;
    long at = strtol(seen, &end, 10);
    assert_string_equal(end, " start a\n70000 SIGTERM a\n70020 death a\n");
    assert_in_range(at, 60000, 65000); /* it is tried every 5 s */
    assert_in_range(state_totals(play.s.state)->spawn_refused, 15, 25);
    stage_close(&play.s);
    str_fini(&play.seen);
}

static void stop_it(struct proc *p)
{
    proc_stop(p);
}

static void restart_it(struct proc *p)
{
    proc_restart(p);
}

static void a_restart_waits_for_what_the_dead_leader_left(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a")->orphans_kill = 1;
    *fate_of("a") = (struct fake_fate){.obeys = DUR_MS(20), .kids = 2, .kid_obeys = DUR_MS(300)};
    open_play();
    CUE(2000, restart_it, proc_called("a"));
    CUE(5000, stop_it, proc_called("a"));
    CUE(9000, term, &play.s);
    /* the group gets its TERM when the leader is dead, and is gone 300 ms later */
    expect("0 start a\n2000 SIGTERM a\n2020 death a\n2320 start a\n"
           "5000 SIGTERM a\n5020 death a\n",
           0);
}

static void a_stop_in_the_midst_of_a_start_leaves_nothing(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a")->autostart = 0;
    open_play();
    proc_start(proc_called("a"), PROC_WHY_OPERATOR);
    proc_stop(proc_called("a")); /* before the turn's end, when spawns are done */
    CUE(1000, term, &play.s);
    expect("", 0);
}

static void hundreds_of_orphans_are_all_reaped(void **state)
{
    (void)state;
    begin_play();
    add_proc("a", 1, "a");
    *fate_of("a") = (struct fake_fate){.lives = DUR_MS(1500),
                                       .status = 1 << 8,
                                       .obeys = DUR_MS(1),
                                       .kids = 50,
                                       .kid_lives = DUR_MS(100)};
    open_play();
    CUE(20000, term, &play.s);
    loop_run(play.s.loop);
    assert_null(fake_broken());
    /* those of the last one may live on when the supervisor ends */
    assert_in_range(state_totals(play.s.state)->orphans, 13 * 50, 14 * 50);
    assert_int_equal(state_totals(play.s.state)->orphans, fake_counts().orphans);
    assert_int_equal(state_totals(play.s.state)->spawned, 14);
    stage_close(&play.s);
    str_fini(&play.seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_goes_up_by_priority_and_shutdown_down_equal_ones_at_once),
        cmocka_unit_test(one_that_ignores_term_is_killed_after_stopwaitsecs),
        cmocka_unit_test(the_shutdown_timeout_kills_all_that_is_left),
        cmocka_unit_test(a_second_term_hastens_the_first),
        cmocka_unit_test(nothing_is_started_in_a_shutdown),
        cmocka_unit_test(a_crash_is_made_good_in_the_same_millisecond),
        cmocka_unit_test(retries_wait_1_2_and_3_seconds_then_fatal),
        cmocka_unit_test(on_fatal_exit_ends_the_supervisor_with_1),
        cmocka_unit_test(a_kernel_without_resources_costs_no_retries),
        cmocka_unit_test(a_restart_waits_for_what_the_dead_leader_left),
        cmocka_unit_test(a_stop_in_the_midst_of_a_start_leaves_nothing),
        cmocka_unit_test(hundreds_of_orphans_are_all_reaped),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
