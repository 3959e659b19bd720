/* ready=probe:NAME: ready while that probe is OK. What was found out about an earlier instance does
 * not count: supd-agent is told of each start, and says WAITING then. */
#include "supervisor/run/ready_probe.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/health.h"
#include "supervisor/run/ready_sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct own {
    bool stale; /* what is known is about an earlier instance */
};

static const char *probe_of(const struct readiness *r)
{
    return gen_str(r->proc->gen->gen, r->conf->ready_arg);
}

static void say_unknown(struct readiness *r)
{
    char text[200];
    snprintf(text, sizeof(text), "nobody asks the probe %s: supd-agent is not there", probe_of(r));
    readiness_say(r, text);
}

/* About this instance, as far as the agent knows: the news of its start may be under way still. */
static bool is_about(const struct readiness *r, int pid)
{
    const struct proc *p = r->proc;
    return pid < 0 || pid == proc_life(p)->pid || proc_life(p)->state == PROC_RUNNING;
}

static void take(struct readiness *r, const char *state, const char *detail)
{
    char text[300];
    struct own *o = r->own;
    bool ok = strcmp(state, "OK") == 0;
    if (!ok)
        o->stale = false;
    if (ok && o->stale)
        return;
    if (ok) {
        readiness_say(r, NULL);
        readiness_up(r); /* last: it may free this */
        return;
    }
    const char *what = strcmp(state, "FAILED") == 0 ? "has failed" : "has no success yet";
    snprintf(text, sizeof(text), "its probe %s %s%s%s", probe_of(r), what, *detail ? ": " : "",
             detail);
    readiness_say(r, text);
    readiness_down(r);
}

void ready_probe_told(struct sup *s, const struct ready_probe_word *w)
{
    for (struct proc *p = procs_first(s), *next; p; p = next) {
        next = procs_next(p);
        struct readiness *r = readiness_of(p);
        if (r && r->source == &ready_probe && r->own && strcmp(probe_of(r), w->probe) == 0 &&
            strcmp(health_program_of(p->gen->gen, p->conf), w->program) == 0 && is_about(r, w->pid))
            take(r, w->state, w->detail);
    }
}

static void forget(struct readiness *r)
{
    struct own *o = r->own;
    o->stale = false;
    say_unknown(r);
    readiness_down(r);
}

void ready_probe_unknown(struct sup *s)
{
    for (struct proc *p = procs_first(s), *next; p; p = next) {
        next = procs_next(p);
        struct readiness *r = readiness_of(p);
        if (r && r->source == &ready_probe && r->own)
            forget(r);
    }
}

static void start(struct readiness *r, int pid, bool resumed)
{
    (void)pid;
    struct sup *s = proc_sup(r->proc);
    struct own *o = r->own;
    const char *program = health_program_of(r->proc->gen->gen, r->proc->conf);
    const char *state = health_of(s, program, probe_of(r));
    if (o)
        return;
    o = r->own = calloc(1, sizeof(*o));
    if (!o) {
        readiness_failed(r, "out of memory");
        return;
    }
    o->stale = !resumed && state && strcmp(state, "OK") == 0;
    if (!state && !agent_is_there(s->agent))
        forget(r);
    else if (!o->stale)
        take(r, state ? state : "WAITING", "");
}

static void stop(struct readiness *r)
{
    free(r->own);
    r->own = NULL;
}

const struct ready_source ready_probe = {.kind = READY_PROBE, .start = start, .stop = stop};
