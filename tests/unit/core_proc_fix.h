/* A process machine on a bench: feed events at chosen times, read what came out as one line. */
#ifndef TESTS_CORE_PROC_FIX_H
#define TESTS_CORE_PROC_FIX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/base/text.h"
#include "supervisor/core/proc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SEC INT64_C(1000000000)
#define STATUS(code) ((code) << 8)
#define EXIT_BY(sig) (sig)

struct fix {
    struct proc_policy p;
    struct proc_life l;
    struct proc_window w;
    struct proc_out o;
    mono_t now;
    uint32_t codes[8];
    char line[400];
    bool commanding; /* its stop_command runs */
};

/* Supervisor's defaults, at second 1000 */
static inline void fix_init(struct fix *f)
{
    memset(f, 0, sizeof(*f));
    f->codes[0] = 1;
    f->p = (struct proc_policy){
        .startsecs = DUR_S(1),
        .startretries = 3,
        .autorestart = PROC_RESTART_UNEXPECTED,
        .stops = {{SIGTERM, DUR_S(10)}},
        .nstops = 1,
        .stopwait = DUR_S(10),
        .backoff = DUR_S(1),
    };
    f->now.ns = 1000 * SEC;
    proc_init(&f->l);
}

static inline void fix_pass(struct fix *f, int64_t ms)
{
    f->now.ns += ms * 1000000;
}

/* "STOPPED>STARTING spawn": what a step gave, in the order the driver acts */
static inline const char *fix_line(struct fix *f)
{
    char *b = f->line, sig[24];
    size_t n = 0, size = sizeof(f->line);
    b[0] = '\0';
#define SAY(...) n += (size_t)snprintf(b + n, size - n, __VA_ARGS__)
    for (unsigned i = 0; i < f->o.nchanges; i++) {
        if (i == 0)
            SAY(" %s", proc_state_name(f->o.changes[i].from));
        SAY(">%s", proc_state_name(f->o.changes[i].to));
    }
    if (f->o.spawn)
        SAY(" spawn");
    if (f->o.cancel_spawn)
        SAY(" cancel");
    if (f->o.command)
        SAY(" command");
    if (f->o.end_command)
        SAY(" end-command");
    if (f->o.signal)
        SAY(" %s%s%s", text_signal_name(f->o.signal, sig, sizeof(sig)),
            f->o.signal_group ? "@group" : "", f->o.cont ? "+CONT" : "");
    if (f->o.check_group)
        SAY(" check");
    if (f->o.gave_up_sweep)
        SAY(" gave-up-sweep");
    if (f->o.exited)
        SAY(" exited");
#undef SAY
    return n ? b + 1 : "-";
}

static inline const char *fix_feed(struct fix *f, struct proc_in in)
{
    f->p.exitcodes = f->codes;
    in.now = f->now;
    in.commanding = f->commanding;
    in.window = &f->w;
    in.was = in.was ? in.was : &f->p;
    in.wall = (wall_t){f->now.ns + SEC};
    proc_step(&f->p, &f->l, &in, &f->o);
    f->commanding |= f->o.command;
    return fix_line(f);
}

static inline const char *fix_ev(struct fix *f, enum proc_event ev)
{
    return fix_feed(f, (struct proc_in){.event = ev});
}

static inline const char *fix_spawned(struct fix *f, int pid)
{
    return fix_feed(f, (struct proc_in){.event = PROC_EV_SPAWNED, .pid = pid});
}

static inline const char *fix_exit(struct fix *f, int status)
{
    return fix_feed(f, (struct proc_in){.event = PROC_EV_EXITED, .status = status});
}

/* the leader exits, others of its group live on */
static inline const char *fix_exit_leaving(struct fix *f, int status)
{
    return fix_feed(
        f, (struct proc_in){.event = PROC_EV_EXITED, .status = status, .group_alive = true});
}

/* its stop_command has ended */
static inline const char *fix_commanded(struct fix *f)
{
    f->commanding = false;
    return fix_ev(f, PROC_EV_COMMAND);
}

/* the clock goes to the machine's next deadline, which must be in the future by ms */
static inline const char *fix_due(struct fix *f, int64_t ms)
{
    assert_int_equal(proc_next(&f->l).ns - f->now.ns, ms * 1000000);
    f->now = proc_next(&f->l);
    return fix_ev(f, PROC_EV_TIMER);
}

static inline void fix_start(struct fix *f, int pid)
{
    assert_string_equal(strchr(fix_ev(f, PROC_EV_START), '>'), ">STARTING spawn");
    assert_string_equal(fix_spawned(f, pid), "-");
}

static inline void fix_run(struct fix *f, int pid)
{
    fix_start(f, pid);
    f->now = proc_next(&f->l);
    assert_string_equal(fix_ev(f, PROC_EV_TIMER), "STARTING>RUNNING");
}

#define IS(call, text) assert_string_equal((call), (text))
#define IN_STATE(f, s) assert_string_equal(proc_state_name((f)->l.state), #s)

#endif
