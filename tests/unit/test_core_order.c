/* The judgement about what is waited for: each state of a process against each word. */
#include "tests/unit/core_proc_fix.h"

#include "supervisor/core/order.h"

struct look {
    struct fix f;
    struct order_fact fact;
};

static void begin(struct look *l)
{
    memset(l, 0, sizeof(*l));
    fix_init(&l->f);
    l->fact = (struct order_fact){.life = &l->f.l, .policy = &l->f.p};
}

/* "MMM MM": hard started, ready, done; soft started, ready: Met, Wait, Never */
static const char *verdicts(const struct look *l)
{
    static char text[8];
    static const char letters[] = "MWN";
    for (int i = 0; i < 3; i++)
        text[i] = letters[order_judge((enum order_when)i, true, &l->fact)];
    text[3] = ' ';
    for (int i = 0; i < 2; i++)
        text[4 + i] = letters[order_judge((enum order_when)i, false, &l->fact)];
    return text;
}

static const char *says(const struct look *l)
{
    static char text[128];
    struct str s = STR_INIT;
    order_say(&l->fact, &s);
    snprintf(text, sizeof(text), "%s", str_text(&s));
    str_fini(&s);
    return text;
}
#define SEEN(l, v, text)                                                                           \
    do {                                                                                           \
        assert_string_equal(verdicts(l), v);                                                       \
        assert_string_equal(says(l), text);                                                        \
    } while (0)

static void a_service(void **state)
{
    (void)state;
    struct look l;
    begin(&l);
    SEEN(&l, "NNN MM", "STOPPED, not started");
    fix_ev(&l.f, PROC_EV_START);
    SEEN(&l, "WWW WW", "STARTING");
    fix_spawned(&l.f, 7);
    SEEN(&l, "MWW MW", "STARTING");
    fix_due(&l.f, 1000);
    SEEN(&l, "MMW MM", "RUNNING");
    l.fact.lost = true;
    SEEN(&l, "MWW MM", "RUNNING, not ready now");
    l.fact.lost = false;
    fix_ev(&l.f, PROC_EV_RESTART);
    SEEN(&l, "WWW WW", "STOPPING");
    fix_ev(&l.f, PROC_EV_STOP);
    SEEN(&l, "NNN MM", "STOPPING");
    fix_exit(&l.f, STATUS(0));
    SEEN(&l, "NNN MM", "STOPPED");
}

static void a_service_that_fails(void **state)
{
    (void)state;
    struct look l;
    begin(&l);
    l.f.p.startretries = 1;
    fix_start(&l.f, 7);
    fix_exit(&l.f, STATUS(3));
    SEEN(&l, "WWW MM", "BACKOFF, 1 of 1");
    l.f.now = proc_next(&l.f.l);
    fix_ev(&l.f, PROC_EV_TIMER);
    SEEN(&l, "WWW MM", "STARTING, retry 1 of 1");
    fix_spawned(&l.f, 8);
    fix_exit(&l.f, STATUS(3));
    SEEN(&l, "NNN MM", "FATAL, exit status 3");
    l.f.p.on_fatal = PROC_FATAL_RETRY;
    l.f.p.fatal_retry = DUR_S(9);
    fix_ev(&l.f, PROC_EV_START);
    fix_spawned(&l.f, 9);
    fix_exit(&l.f, STATUS(3));
    l.f.now = proc_next(&l.f.l);
    fix_ev(&l.f, PROC_EV_TIMER);
    fix_spawned(&l.f, 10);
    fix_exit(&l.f, STATUS(4));
    SEEN(&l, "WWW MM", "FATAL, exit status 4"); /* it is tried again */
}

static void what_is_to_end(void **state)
{
    (void)state;
    struct look l;
    begin(&l);
    l.f.p.once = true;
    l.f.p.startretries = 0;
    fix_start(&l.f, 7);
    SEEN(&l, "MWW MW", "STARTING, not done yet");
    IS(fix_exit(&l.f, STATUS(0)), "STARTING>RUNNING>EXITED exited");
    SEEN(&l, "MMM MM", "EXITED, done");
    fix_ev(&l.f, PROC_EV_STOP);
    SEEN(&l, "MMM MM", "EXITED, done"); /* there is nothing to stop */
    IS(fix_ev(&l.f, PROC_EV_START), "EXITED>STARTING spawn");
    SEEN(&l, "WWW WW", "STARTING"); /* each start is a new one */
    fix_spawned(&l.f, 8);
    IS(fix_exit(&l.f, STATUS(2)), "STARTING>BACKOFF>FATAL exited");
    SEEN(&l, "NNN MM", "FATAL, exit status 2");
}

static void what_is_to_end_in_time(void **state)
{
    (void)state;
    struct look l;
    struct str s = STR_INIT;
    begin(&l);
    l.f.p.once = true;
    l.f.p.ready_timeout = DUR_S(5);
    fix_start(&l.f, 7);
    proc_explain(&l.f.p, &l.f.l, l.f.now, &s);
    assert_string_equal(str_text(&s),
                        "started 0.0s ago (pid 7); done when it exits with success; it "
                        "has failed if that takes longer than 5s (in 5.0s).");
    assert_int_equal(proc_next(&l.f.l).ns - l.f.now.ns, 5 * SEC);
    l.f.now = proc_next(&l.f.l);
    IS(fix_ev(&l.f, PROC_EV_TIMER), "SIGTERM+CONT");
    SEEN(&l, "MWW MM", "STARTING, was not done in time");
    IS(fix_due(&l.f, 10000), "SIGKILL");
    str_clear(&s);
    proc_explain(&l.f.p, &l.f.l, l.f.now, &s);
    assert_string_equal(str_text(&s), "started 15s ago (pid 7); it was not done in time and is "
                                      "stopped: SIGKILL sent, SIGKILL again in 10s.");
    IS(fix_exit(&l.f, EXIT_BY(SIGKILL)), "STARTING>BACKOFF exited");
    assert_int_equal(l.f.l.why, PROC_WHY_TIMEOUT);
    str_clear(&s);
    proc_explain(&l.f.p, &l.f.l, l.f.now, &s);
    assert_string_equal(str_text(&s),
                        "failed once to be done within 5s (terminated by SIGKILL); retry "
                        "1 of 3 in 1.0s, FATAL after the last.");
    str_fini(&s);
}

static void what_waits_itself_or_leaves(void **state)
{
    (void)state;
    struct look l;
    begin(&l);
    fix_ev(&l.f, PROC_EV_START);
    l.fact.held = true;
    SEEN(&l, "WWW WW", "STARTING, waiting itself");
    l.fact.stuck = true;
    SEEN(&l, "NNN MM", "STARTING, waiting itself");
    l.fact.held = l.fact.stuck = false;
    fix_spawned(&l.f, 7);
    fix_due(&l.f, 1000);
    l.fact.leaving = true;
    SEEN(&l, "NNN MM", "RUNNING, about to stop");
    l.fact.again = true;
    SEEN(&l, "WWW WW", "RUNNING, about to restart");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service),
        cmocka_unit_test(a_service_that_fails),
        cmocka_unit_test(what_is_to_end),
        cmocka_unit_test(what_is_to_end_in_time),
        cmocka_unit_test(what_waits_itself_or_leaves),
    };
    return cmocka_run_group_tests_name("core_order", tests, NULL, NULL);
}
