/* ready=log:REGEX: ready once a line of its output matched. supd-agent has the expressions and gets
 * the output (taps.h) from before the start until the process is RUNNING; what it finds it says
 * with the tap and the run, so that the words of an earlier instance do not count. */
#include "supervisor/run/ready_log.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/ready_sources.h"
#include "supervisor/run/taps.h"

#include <stdio.h>

static const char *pattern_of(const struct readiness *r)
{
    return gen_str(r->proc->gen->gen, r->conf->ready_arg);
}

/* What is between them is the expression. */
static void say(struct readiness *r, const char *before, const char *after)
{
    char text[300];
    snprintf(text, sizeof(text), "%s '%s'%s", before, pattern_of(r), after);
    readiness_say(r, text);
}

static struct readiness *own(const struct proc *p)
{
    struct readiness *r = readiness_of(p);
    return r && r->source == &ready_log ? r : NULL;
}

bool ready_log_is(const struct proc *p)
{
    return own(p) != NULL;
}

bool ready_log_waits(const struct proc *p)
{
    return own(p) && proc_life(p)->state != PROC_RUNNING;
}

static void say_state(struct readiness *r)
{
    if (!agent_is_there(proc_sup(r->proc)->agent))
        say(r, "nobody looks for", " in its output: supd-agent is not there");
    else if (r->own)
        say(r, "its output was skipped in part, so that it is not known whether a line matches",
            "; none has since");
    else
        say(r, "no line of its output matches", " so far");
}

static void start(struct readiness *r, int pid, bool resumed)
{
    (void)pid;
    (void)resumed;
    if (ready_log_waits(r->proc))
        say_state(r);
}

static void stop(struct readiness *r)
{
    r->own = NULL; /* nothing was skipped */
}

/* The tap is there before the process is. */
static int prepare(struct readiness *r, struct spawn_request *rq)
{
    (void)rq;
    taps_sync(r->proc);
    return 0;
}

void ready_log_look(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (ready_log_waits(p) && proc_life(p)->pid)
            say_state(own(p));
}

static void take(struct readiness *r, enum ready_log_said what)
{
    struct proc *p = r->proc;
    if (what == READY_LOG_FOUND) {
        readiness_say(r, NULL);
        readiness_up(r); /* it may free r */
        taps_sync(p);
    } else if (what == READY_LOG_GIVEN_UP) {
        say(r, "a line was too long or too costly to be compared with", "");
    } else {
        r->own = r;
        say_state(r);
    }
}

void ready_log_told(struct sup *s, uint32_t tap_key, uint32_t run, enum ready_log_said what)
{
    for (struct proc *p = procs_first(s), *next; p; p = next) {
        next = procs_next(p);
        for (int ch = 0; ch < 2 && ready_log_waits(p); ch++)
            if (p->log[ch] && logs_tap_key(p->log[ch], LOGS_TAP_AGENT) == tap_key &&
                proc_life(p)->pid && logs_run_pid(p->log[ch], run) == proc_life(p)->pid) {
                take(own(p), what);
                return;
            }
    }
}

const struct ready_source ready_log = {
    .kind = READY_LOG, .prepare = prepare, .start = start, .stop = stop};
