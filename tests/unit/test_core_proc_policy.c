/* The process machine when its configuration changes: what it waits for is as long as the new one
 * says, as if that had been there from the beginning. */
#include "tests/unit/core_proc_fix.h"

/* the change, a moment after the situation began */
static const char *follow(struct fix *f, struct proc_policy now)
{
    const struct proc_policy was = f->p;
    f->p = now;
    return fix_feed(f, (struct proc_in){.event = PROC_EV_POLICY, .was = &was});
}

static int64_t next_ms(const struct fix *f)
{
    return proc_next(&f->l).ns ? (proc_next(&f->l).ns - f->now.ns) / 1000000 : -1;
}

static void s_starting(struct fix *f)
{
    fix_start(f, 10);
}

static void s_backoff(struct fix *f)
{
    fix_start(f, 10);
    fix_exit(f, STATUS(1));
}

static void s_stopping(struct fix *f)
{
    fix_run(f, 10);
    fix_ev(f, PROC_EV_STOP);
}

static void s_sweep(struct fix *f)
{
    fix_run(f, 10);
    fix_exit_leaving(f, STATUS(0));
    f->l.poll = MONO_NEVER; /* what counts here is the next signal */
}

static void s_fatal(struct fix *f)
{
    fix_ev(f, PROC_EV_START);
    for (int i = 0; i < 4; i++) {
        fix_ev(f, PROC_EV_CANNOT);
        f->now = f->l.state == PROC_BACKOFF ? f->l.due : f->now;
        if (f->l.state == PROC_BACKOFF)
            fix_ev(f, PROC_EV_TIMER);
    }
    IN_STATE(f, FATAL);
}

/* another policy in all that decides how long something lasts */
static struct proc_policy other(const struct fix *f)
{
    struct proc_policy p = f->p;
    p.startsecs = DUR_S(7);
    p.backoff = DUR_S(5);
    p.factor_milli = 3000;
    p.nstops = 2;
    p.stops[0] = (struct proc_stop_step){SIGINT, DUR_S(17)};
    p.stops[1] = (struct proc_stop_step){SIGQUIT, DUR_S(3)};
    p.stopwait = DUR_S(2);
    p.on_fatal = PROC_FATAL_RETRY;
    p.fatal_retry = DUR_S(40);
    return p;
}

/* Into a situation under one policy, then to the other, is as long as under the other alone. */
static void a_change_is_as_if_it_had_been_so(void **state)
{
    (void)state;
    static void (*const enter[])(struct fix * f) = {s_starting, s_backoff, s_stopping, s_sweep,
                                                    s_fatal};
    for (size_t i = 0; i < sizeof(enter) / sizeof(enter[0]); i++)
        for (int back = 0; back < 2; back++) {
            struct fix a, b;
            fix_init(&a);
            fix_init(&b);
            a.p.orphans_kill = b.p.orphans_kill = true;
            struct proc_policy one = a.p, two = other(&a);
            a.p = back ? two : one;
            b.p = back ? one : two;
            enter[i](&a);
            enter[i](&b);
            fix_pass(&a, 100);
            fix_pass(&b, 100);
            assert_int_not_equal(next_ms(&a), next_ms(&b));
            IS(follow(&a, b.p), "-");
            assert_int_equal(next_ms(&a), next_ms(&b));
            assert_int_equal(a.l.state, b.l.state);
        }
}

static void what_is_over_by_then_is_due_now(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startsecs = DUR_S(3600);
    fix_start(&f, 1);
    fix_pass(&f, 60000);
    struct proc_policy p = f.p;
    p.startsecs = DUR_S(1);
    IS(follow(&f, p), "-");
    assert_int_equal(next_ms(&f), 0);
    IS(fix_ev(&f, PROC_EV_TIMER), "STARTING>RUNNING");
}

static void a_wait_that_nothing_changes_goes_on(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.jitter_milli = 500;
    s_backoff(&f);
    int64_t before = next_ms(&f);
    struct proc_policy p = f.p;
    p.startretries = 9;
    p.stopwait = DUR_S(99);
    IS(follow(&f, p), "-");
    assert_int_equal(next_ms(&f), before);
}

static void an_hour_for_term_can_be_cut_short(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.stops[0].wait = DUR_S(3600);
    s_stopping(&f);
    fix_pass(&f, 4000);
    struct proc_policy p = f.p;
    p.stops[0].wait = DUR_S(5);
    p.stops[1] = (struct proc_stop_step){SIGINT, DUR_S(5)};
    p.nstops = 2;
    follow(&f, p);
    IS(fix_due(&f, 1000), "SIGINT+CONT");
    IS(fix_due(&f, 5000), "SIGKILL");
}

/* No milder signal follows a KILL, however many the new sequence has. */
static void after_kill_comes_kill(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    s_stopping(&f);
    IS(fix_due(&f, 10000), "SIGKILL");
    follow(&f, other(&f));
    assert_int_equal(next_ms(&f), 10000);
    IS(fix_due(&f, 10000), "SIGKILL");
}

static struct fix sweeping(void)
{
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    return f;
}

static const char *keep(struct fix *f)
{
    struct proc_policy p = f->p;
    p.orphans_kill = false;
    return follow(f, p);
}

/* Leftovers that are to stay hold up nothing any more. */
static void with_orphans_keep_leftovers_are_let_go(void **state)
{
    (void)state;
    struct fix f = sweeping();
    fix_run(&f, 1);
    fix_exit_leaving(&f, STATUS(1));
    IS(keep(&f), "EXITED>STARTING spawn");
    f = sweeping();
    s_stopping(&f);
    fix_exit_leaving(&f, STATUS(0));
    IS(keep(&f), "STOPPING>STOPPED");
    f = sweeping();
    fix_start(&f, 1);
    fix_exit_leaving(&f, STATUS(1));
    IS(keep(&f), "-");
    IS(fix_due(&f, 1000), "BACKOFF>STARTING spawn");
    f = sweeping();
    fix_run(&f, 1);
    fix_exit_leaving(&f, STATUS(0));
    IS(keep(&f), "-");
    assert_int_equal(proc_next(&f.l).ns, 0);
}

static void on_fatal_comes_and_goes(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    s_fatal(&f);
    struct proc_policy nothing = f.p, retry = other(&f);
    fix_pass(&f, 30000);
    IS(follow(&f, retry), "-");
    assert_int_equal(next_ms(&f), 10000);
    follow(&f, nothing);
    assert_int_equal(next_ms(&f), -1);
    fix_pass(&f, 30000);
    follow(&f, retry); /* that time is over already */
    IS(fix_due(&f, 0), "FATAL>STARTING spawn");
    /* one that was told to stop is not tried again */
    f.p = nothing;
    fix_ev(&f, PROC_EV_STOP);
    s_fatal(&f);
    fix_ev(&f, PROC_EV_STOP);
    follow(&f, retry);
    assert_int_equal(next_ms(&f), -1);
}

/* Fewer retries than were spent already: the one under way is the last. */
static void fewer_retries_leave_the_one_that_waits(void **state)
{
    (void)state;
    struct fix f;
    struct str said = STR_INIT;
    fix_init(&f);
    s_backoff(&f);
    fix_due(&f, 1000);
    fix_ev(&f, PROC_EV_CANNOT);
    struct proc_policy p = f.p;
    p.startretries = 1;
    IS(follow(&f, p), "-");
    proc_explain(&f.p, &f.l, f.now, &said);
    assert_non_null(strstr(str_text(&said), "failed 2 times; the last retry in 2.0s, then FATAL."));
    str_clear(&said);
    fix_due(&f, 2000);
    IS(fix_ev(&f, PROC_EV_CANNOT), "STARTING>BACKOFF>FATAL");
    proc_explain(&f.p, &f.l, f.now, &said);
    assert_non_null(strstr(str_text(&said), "gave up 0.0s ago: 3 failures in a row, the last"));
    str_fini(&said);
}

static void a_new_autorestart_counts_from_the_next_exit(void **state)
{
    (void)state;
    struct fix f;
    struct str said = STR_INIT;
    fix_init(&f);
    f.p.autorestart = PROC_RESTART_NEVER;
    fix_run(&f, 1);
    fix_exit(&f, STATUS(1));
    struct proc_policy p = f.p;
    p.autorestart = PROC_RESTART_ALWAYS;
    IS(follow(&f, p), "-");
    proc_explain(&f.p, &f.l, f.now, &said);
    assert_non_null(strstr(str_text(&said), "by the configuration of then it was not to be started "
                                            "again, and stays down until it is started."));
    str_fini(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_as_if_it_had_been_so),
        cmocka_unit_test(what_is_over_by_then_is_due_now),
        cmocka_unit_test(a_wait_that_nothing_changes_goes_on),
        cmocka_unit_test(an_hour_for_term_can_be_cut_short),
        cmocka_unit_test(after_kill_comes_kill),
        cmocka_unit_test(with_orphans_keep_leftovers_are_let_go),
        cmocka_unit_test(on_fatal_comes_and_goes),
        cmocka_unit_test(fewer_retries_leave_the_one_that_waits),
        cmocka_unit_test(a_new_autorestart_counts_from_the_next_exit),
    };
    return cmocka_run_group_tests_name("core_proc_policy", tests, NULL, NULL);
}
