/* The words of the process machine: names, statuses, and the explanation of every state. */
#include "tests/unit/core_proc_fix.h"

static void names_of_states(void **state)
{
    (void)state;
    static const struct {
        enum proc_state s;
        const char *name;
    } rows[] = {
        {PROC_STOPPED, "STOPPED"}, {PROC_STARTING, "STARTING"}, {PROC_RUNNING, "RUNNING"},
        {PROC_BACKOFF, "BACKOFF"}, {PROC_STOPPING, "STOPPING"}, {PROC_EXITED, "EXITED"},
        {PROC_FATAL, "FATAL"},     {PROC_UNKNOWN, "UNKNOWN"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(proc_state_name(rows[i].s), rows[i].name);
    assert_string_equal(proc_state_name((enum proc_state)7), "UNKNOWN");
}

static void every_event_and_reason_has_words_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < PROC_NEVENTS; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(proc_event_name((enum proc_event)i),
                                    proc_event_name((enum proc_event)j));
    for (int i = 0; i <= PROC_WHY_KILL_FAILED; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(proc_why_text((enum proc_why)i),
                                    proc_why_text((enum proc_why)j));
    assert_string_equal(proc_event_name(PROC_NEVENTS), "?");
    assert_string_equal(proc_why_text((enum proc_why)99), "?");
    assert_string_equal(proc_why_text(PROC_WHY_QUICK), "exited too quickly");
}

static void wait_statuses_as_supervisor_words_them(void **state)
{
    (void)state;
    static const struct {
        int status, code;
        const char *text;
    } rows[] = {
        {STATUS(0), 0, "exit status 0"},
        {STATUS(255), 255, "exit status 255"},
        {EXIT_BY(SIGKILL), -1, "terminated by SIGKILL"},
        {EXIT_BY(SIGSEGV) | 0x80, -1, "terminated by SIGSEGV (core dumped)"},
        {EXIT_BY(SIGKILL) | PROC_STATUS_OOM, -1, "terminated by SIGKILL (out of memory)"},
        {EXIT_BY(SIGTERM) | PROC_STATUS_HIGH, -1, "terminated by SIGTERM (above memory_high)"},
        {STATUS(0) | PROC_STATUS_HIGH, 0, "exit status 0 (above memory_high)"},
        {EXIT_BY(SIGKILL) | PROC_STATUS_MAX, -1, "terminated by SIGKILL (above memory_max)"},
        {0x137f, -1, "unknown termination cause 0x137f"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str s = STR_INIT;
        proc_status_text(&s, rows[i].status);
        assert_string_equal(str_text(&s), rows[i].text);
        assert_int_equal(proc_exit_code(rows[i].status), rows[i].code);
        str_fini(&s);
    }
}

static void says(const struct fix *f, const char *text)
{
    struct str s = STR_INIT;
    proc_explain(&f->p, &f->l, f->now, &s);
    assert_string_equal(str_text(&s), text);
    str_fini(&s);
}

static void explains_a_way_up_and_down(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    says(&f, "not started yet; it starts when told to.");
    fix_ev(&f, PROC_EV_START);
    says(&f, "its process is being created.");
    fix_ev(&f, PROC_EV_DELAYED);
    says(&f, "the system refused to create a process once for want of memory, processes or "
             "descriptors; next try in 0.1s. This spends no retries.");
    f.now = proc_next(&f.l);
    fix_ev(&f, PROC_EV_TIMER);
    fix_spawned(&f, 12);
    fix_pass(&f, 300);
    says(&f, "started 0.3s ago (pid 12); RUNNING in 0.7s if it is still up then.");
    fix_pass(&f, 700);
    says(&f, "started 1.0s ago (pid 12); RUNNING now if it is still up then.");
    fix_ev(&f, PROC_EV_TIMER);
    fix_pass(&f, 7200000);
    says(&f, "up for 2h (pid 12). When it exits, it is started again unless its exit status is 0 "
             "(autorestart=unexpected).");
    uint32_t codes[8] = {0x0d};
    f.p.exitcodes = codes;
    says(&f, "up for 2h (pid 12). When it exits, it is started again unless its exit status is 0, "
             "2 or 3 (autorestart=unexpected).");
    codes[1] = 0xff;
    says(&f, "up for 2h (pid 12). When it exits, it is started again unless its exit status is in "
             "exitcodes (autorestart=unexpected).");
    f.p.autorestart = PROC_RESTART_ALWAYS;
    says(&f, "up for 2h (pid 12). When it exits, it is started again (autorestart=true).");
    fix_ev(&f, PROC_EV_STOP);
    fix_pass(&f, 4000);
    says(&f, "told to stop 4.0s ago (pid 12): SIGTERM sent, SIGKILL in 6.0s.");
    fix_ev(&f, PROC_EV_START);
    says(&f, "told to stop 4.0s ago (pid 12): SIGTERM sent, SIGKILL in 6.0s; then it is started "
             "again.");
    fix_ev(&f, PROC_EV_STOP);
    fix_due(&f, 6000);
    says(&f, "told to stop 10s ago (pid 12): SIGKILL sent, SIGKILL again in 10s.");
    fix_due(&f, 10000);
    says(&f, "told to stop 20s ago (pid 12): SIGKILL sent 2 times, SIGKILL again in 10s.");
    fix_exit(&f, EXIT_BY(SIGKILL));
    fix_pass(&f, 120000);
    says(&f, "stopped as it was told 2m ago (terminated by SIGKILL); it stays so until it is "
             "started.");
    fix_ev(&f, PROC_EV_START);
    fix_ev(&f, PROC_EV_SHUTDOWN);
    says(&f, "stopped by the shutdown 0.0s ago; it stays so until it is started.");
}

static void explains_a_sequence_of_signals(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.stops[1] = (struct proc_stop_step){SIGINT, DUR_S(5)};
    f.p.nstops = 2;
    fix_run(&f, 3);
    fix_ev(&f, PROC_EV_STOP);
    says(&f, "told to stop 0.0s ago (pid 3): SIGTERM sent, SIGINT in 10s.");
    f.l.why = PROC_WHY_SHUTDOWN;
    says(&f, "told to stop by the shutdown 0.0s ago (pid 3): SIGTERM sent, SIGINT in 10s.");
    f.l.why = PROC_WHY_OPERATOR;
    fix_due(&f, 10000);
    says(&f, "told to stop 10s ago (pid 3): SIGINT sent, SIGKILL in 5.0s.");
    fix_ev(&f, PROC_EV_KILL_FAILED);
    says(&f, "process 3 could not be signalled 0.0s ago, so it may still run; this ends when it "
             "exits.");
}

static void explains_retries_and_giving_up(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 1);
    fix_exit(&f, STATUS(3));
    says(&f,
         "failed once to stay up 1s (exit status 3); retry 1 of 3 in 1.0s, FATAL after the last.");
    for (int n = 1; n <= 2; n++) {
        fix_due(&f, n * 1000);
        fix_spawned(&f, n + 1);
        fix_exit(&f, STATUS(3));
    }
    fix_pass(&f, 600);
    says(&f, "failed 3 times to stay up 1s (exit status 3); retry 3 of 3 in 2.4s, FATAL after the "
             "last.");
    fix_due(&f, 2400);
    fix_spawned(&f, 9);
    fix_exit(&f, EXIT_BY(SIGSEGV));
    fix_pass(&f, 65000);
    says(&f, "gave up 1m5s ago: 4 failures in a row (startretries=3), the last exit was terminated "
             "by SIGSEGV; it stays down until it is started.");
    f.l.due = mono_add(f.now, DUR_S(300));
    says(&f, "gave up 1m5s ago: 4 failures in a row (startretries=3), the last exit was terminated "
             "by SIGSEGV; tried again in 5m (on_fatal=retry).");
}

static void explains_what_cannot_be_started(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.startretries = 1;
    fix_ev(&f, PROC_EV_START);
    fix_ev(&f, PROC_EV_CANNOT);
    says(&f, "could not be started; failed once; retry 1 of 1 in 1.0s, FATAL after the last.");
    fix_due(&f, 1000);
    fix_ev(&f, PROC_EV_CANNOT);
    says(&f, "gave up 0.0s ago: 2 failures in a row (startretries=1); it stays down until it is "
             "started.");
    fix_start(&f, 4);
    fix_ev(&f, PROC_EV_STOP);
    fix_ev(&f, PROC_EV_CANNOT);
    says(&f, "stopped as it was told 0.0s ago; it stays so until it is started.");
    fix_start(&f, 4);
    fix_ev(&f, PROC_EV_STOP);
    fix_ev(&f, PROC_EV_KILL_FAILED);
    fix_ev(&f, PROC_EV_CANNOT);
    says(&f, "could not be started 0.0s ago; it was told to stop and stays down until it is "
             "started.");
}

static void explains_the_window_and_the_reset(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.retry_window = DUR_S(90);
    f.p.startretries = 1;
    f.p.backoff_reset = DUR_S(60);
    fix_run(&f, 1);
    fix_exit(&f, STATUS(1));
    says(&f, "failed once to stay up 1m (exit status 1); next try in 1.0s; FATAL at failure 2 "
             "within 1m30s, this was number 1.");
    fix_due(&f, 1000);
    fix_ev(&f, PROC_EV_CANNOT);
    says(&f, "gave up 0.0s ago: 2 failures or restarts within 1m30s, the last exit was exit status "
             "1; it stays down until it is started.");
}

static void explains_exits(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_run(&f, 1);
    fix_exit(&f, STATUS(0));
    fix_pass(&f, 5000);
    says(&f, "exited 5.0s ago (exit status 0); its exit status is in exitcodes, so it is done "
             "(autorestart=unexpected).");
    fix_ev(&f, PROC_EV_STOP);
    says(&f, "exited 5.0s ago (exit status 0); it was told to stop and stays down until it is "
             "started.");
    f.p.autorestart = PROC_RESTART_NEVER;
    fix_run(&f, 2);
    fix_exit(&f, STATUS(1));
    says(&f, "exited 0.0s ago (exit status 1); it is not restarted (autorestart=false).");
}

static void explains_a_shutdown_in_backoff(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    fix_start(&f, 1);
    fix_exit(&f, STATUS(0));
    fix_ev(&f, PROC_EV_SHUTDOWN);
    says(&f, "waited for a retry when the shutdown began; it is not tried again.");
}

static void explains_leftovers(void **state)
{
    (void)state;
    struct fix f;
    fix_init(&f);
    f.p.orphans_kill = true;
    fix_run(&f, 41);
    fix_exit_leaving(&f, STATUS(1));
    says(&f, "exited 0.0s ago (exit status 1). Its main process is dead, but others of its process "
             "group 41 are not: SIGTERM sent, SIGKILL in 10s; it is started again once they are "
             "gone.");
    fix_ev(&f, PROC_EV_HASTEN);
    says(&f, "exited 0.0s ago (exit status 1). Its main process is dead, but others of its process "
             "group 41 are not: SIGKILL sent, left alone in 10s; it is started again once they are "
             "gone.");
    fix_ev(&f, PROC_EV_GROUP_EMPTY);
    fix_spawned(&f, 42);
    fix_ev(&f, PROC_EV_STOP);
    fix_exit_leaving(&f, STATUS(0));
    says(&f, "told to stop 0.0s ago. Its main process is dead, but others of its process group 42 "
             "are not: SIGTERM sent, SIGKILL in 10s.");
    fix_ev(&f, PROC_EV_GROUP_EMPTY);
    fix_start(&f, 43);
    fix_exit_leaving(&f, STATUS(1));
    f.now = f.l.due;
    fix_ev(&f, PROC_EV_TIMER);
    says(&f,
         "failed once to stay up 1s (exit status 1); retry 1 of 3 is due, FATAL after the last. "
         "Its main "
         "process is dead, but others of its process group 43 are not: SIGTERM sent, SIGKILL in "
         "9.0s; it is started again once they are gone.");
    fix_ev(&f, PROC_EV_STOP);
    says(&f, "told to stop 0.0s ago. Its main process is dead, but others of its process group 43 "
             "are not: SIGTERM sent, SIGKILL in 9.0s.");
    fix_ev(&f, PROC_EV_GROUP_EMPTY);
    f.p.startretries = 0;
    fix_start(&f, 44);
    fix_exit_leaving(&f, STATUS(1));
    fix_ev(&f, PROC_EV_START);
    says(&f, "gave up 0.0s ago: 2 failures in a row, the last exit was exit status "
             "1. Its main process is dead, but others of its process group 44 are not: SIGTERM "
             "sent, SIGKILL in 10s; it is started again once they are gone.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_states),
        cmocka_unit_test(every_event_and_reason_has_words_of_its_own),
        cmocka_unit_test(wait_statuses_as_supervisor_words_them),
        cmocka_unit_test(explains_a_way_up_and_down),
        cmocka_unit_test(explains_a_sequence_of_signals),
        cmocka_unit_test(explains_retries_and_giving_up),
        cmocka_unit_test(explains_what_cannot_be_started),
        cmocka_unit_test(explains_the_window_and_the_reset),
        cmocka_unit_test(explains_exits),
        cmocka_unit_test(explains_a_shutdown_in_backoff),
        cmocka_unit_test(explains_leftovers),
    };
    return cmocka_run_group_tests_name("core_proc_text", tests, NULL, NULL);
}
