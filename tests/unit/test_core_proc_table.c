/* The whole behaviour on one screen: what each event does in each situation. The expected table is
 * text, so that a change of behaviour is a change that a reader sees; run with PRINT=1 to see the
 * present one. */
#include "tests/unit/core_proc_fix.h"

#include <stdlib.h>

static void s_stopped(struct fix *f)
{
    (void)f;
}

static void s_spawning(struct fix *f)
{
    fix_ev(f, PROC_EV_START);
}

static void s_delayed(struct fix *f)
{
    fix_ev(f, PROC_EV_START);
    fix_ev(f, PROC_EV_DELAYED);
}

static void s_cancelled(struct fix *f)
{
    fix_ev(f, PROC_EV_START);
    fix_ev(f, PROC_EV_STOP);
}

static void s_starting(struct fix *f)
{
    fix_start(f, 10);
}

static void s_running(struct fix *f)
{
    fix_run(f, 10);
}

static void s_backoff(struct fix *f)
{
    fix_start(f, 10);
    fix_exit(f, STATUS(1));
}

static void s_backoff_sweep(struct fix *f)
{
    fix_start(f, 10);
    fix_exit_leaving(f, STATUS(1));
}

static void s_stopping(struct fix *f)
{
    fix_run(f, 10);
    fix_ev(f, PROC_EV_STOP);
}

static void s_restarting(struct fix *f)
{
    fix_run(f, 10);
    fix_ev(f, PROC_EV_RESTART);
}

static void s_stopping_sweep(struct fix *f)
{
    s_stopping(f);
    fix_exit_leaving(f, STATUS(0));
}

static void s_exited(struct fix *f)
{
    fix_run(f, 10);
    fix_exit(f, STATUS(0));
}

static void s_exited_held(struct fix *f)
{
    fix_run(f, 10);
    fix_exit_leaving(f, STATUS(1));
}

static void s_fatal(struct fix *f)
{
    f->p.startretries = 0;
    s_backoff(f);
}

static void s_fatal_retry(struct fix *f)
{
    f->p.on_fatal = PROC_FATAL_RETRY;
    f->p.fatal_retry = DUR_S(60);
    s_fatal(f);
}

static void s_unknown(struct fix *f)
{
    s_stopping(f);
    fix_ev(f, PROC_EV_KILL_FAILED);
}

/* RUNNING comes with READY; 30 s are the limit */
static void s_awaited(struct fix *f)
{
    f->p.told = true;
    f->p.ready_timeout = DUR_S(30);
    s_starting(f);
}

static void s_hung(struct fix *f)
{
    s_running(f);
    fix_ev(f, PROC_EV_HUNG);
}

static const struct {
    const char *name;
    void (*enter)(struct fix *f);
} situations[] = {
    {"stopped", s_stopped},
    {"spawning", s_spawning},
    {"delayed", s_delayed},
    {"cancelled", s_cancelled},
    {"starting", s_starting},
    {"running", s_running},
    {"backoff", s_backoff},
    {"backoff-sweep", s_backoff_sweep},
    {"stopping", s_stopping},
    {"restarting", s_restarting},
    {"stopping-sweep", s_stopping_sweep},
    {"exited", s_exited},
    {"exited-held", s_exited_held},
    {"fatal", s_fatal},
    {"fatal-retry", s_fatal_retry},
    {"unknown", s_unknown},
    {"awaited", s_awaited},
    {"hung", s_hung},
};

/* situation, event: orders | what else changed. Where nothing happens there is no line. */
static const char expected[] =
#include "tests/unit/core_proc_table.h"
    ;

static void put_difference(struct str *s, const char *name, int was, int is)
{
    if (was != is)
        str_printf(s, " %s=%d", name, is);
}

/* deadlines as milliseconds from now, -1 for none */
static int in_ms(const struct fix *f)
{
    return proc_next(&f->l).ns ? (int)((proc_next(&f->l).ns - f->now.ns) / 1000000) : -1;
}

static void put_row(struct str *s, const char *name, struct fix *f, enum proc_event ev)
{
    if (ev == PROC_EV_TIMER && proc_next(&f->l).ns)
        f->now = proc_next(&f->l);
    struct fix was = *f;
    const char *line = fix_feed(
        f, (struct proc_in){.event = ev, .pid = 20, .status = STATUS(1), .more = DUR_S(60)});
    struct str diff = STR_INIT;
    put_difference(&diff, "want", was.l.want, f->l.want);
    put_difference(&diff, "pid", was.l.pid, f->l.pid);
    put_difference(&diff, "sweep", was.l.sweep, f->l.sweep);
    put_difference(&diff, "hold", was.l.restart, f->l.restart);
    put_difference(&diff, "tries", (int)was.l.tries, (int)f->l.tries);
    put_difference(&diff, "next", in_ms(&was), in_ms(f));
    if (diff.len || strcmp(line, "-") != 0)
        str_printf(s, "%s, %s: %s%s%s\n", name, proc_event_name(ev), line, diff.len ? " |" : "",
                   str_text(&diff));
    str_fini(&diff);
}

static void every_event_in_every_situation(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    for (size_t i = 0; i < sizeof(situations) / sizeof(situations[0]); i++)
        for (int ev = 0; ev < PROC_NEVENTS; ev++) {
            struct fix f;
            fix_init(&f);
            f.p.orphans_kill = true;
            situations[i].enter(&f);
            put_row(&s, situations[i].name, &f, (enum proc_event)ev);
        }
    if (getenv("PRINT"))
        fputs(str_text(&s), stdout);
    assert_string_equal(str_text(&s), expected);
    str_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_situation),
    };
    return cmocka_run_group_tests_name("core_proc_table", tests, NULL, NULL);
}
