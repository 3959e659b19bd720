/* The agent's probes, and what their results mean for the programs that they look at. */
#include "supervisor/agent/probing.h"
#include "supervisor/agent/alerting.h"
#include "supervisor/agent/keeping.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/io/files.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/memfile.h"
#include "supervisor/io/resolve.h"
#include "supervisor/io/trusts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line for each change of a probe's state. */
static void log_change(const struct probe_event *ev)
{
    const struct probe_view *v = ev->probe;
    enum log_level level = v->state == SCHED_FAILED ? LVL_WARN : LVL_INFO;
    const char *word = verdict_word(v->last);
    log_line(level, "probe %s: %s -> %s, reason: %s%s%s", v->name, sched_state_text(ev->before),
             sched_state_text(v->state), word, *word && v->last->detail[0] ? ": " : "",
             v->last->detail);
}

static void on_told(void *obj, const struct wire_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_ERROR)
        log_warn("probes: supd answered: %s", r->text);
}

/* True if it may have its program restarted once more: restart_limit within restart_window. */
static bool take_restart(struct agent_program *a, const struct probe_view *v)
{
    const struct probe_opts *o = v->opts;
    mono_t now = loop_now(a->loop);
    struct restarts *r;
    HASH_FIND_STR(a->restarts, v->name, r);
    if (!r) {
        r = mem_zalloc(sizeof(*r));
        r->probe = mem_strdup(v->name);
        HASH_ADD_KEYPTR(hh, a->restarts, r->probe, strlen(r->probe), r);
    }
    size_t old = 0;
    while (old < r->at.n && mono_sub(now, r->at.v[old]).ns >= o->restart_window)
        old++;
    r->at.n -= old;
    if (old)
        memmove(r->at.v, r->at.v + old, r->at.n * sizeof(*r->at.v));
    bool denied = r->denied;
    r->denied = r->at.n >= (size_t)o->restart_limit;
    if (!r->denied)
        VEC_PUSH(&r->at, now);
    else if (!denied)
        log_warn("probe %s: failed again, but %s was restarted %d times within restart_window "
                 "already; it is left as it is until that is over",
                 v->name, o->program, (int)o->restart_limit);
    return !r->denied;
}

/* It is failed still, and its program was not restarted for it because that was done too often. */
static bool waits_for_restart(const struct agent_program *a, const struct probe_view *v)
{
    struct restarts *r;
    HASH_FIND_STR(a->restarts, v->name, r);
    if (r && v->state != SCHED_FAILED)
        r->denied = false;
    return r && r->denied && v->fails > v->opts->fall && v->opts->on_fail == PROBE_RESTART;
}

/* The process that a probe of the program has looked at: what was found out about one does not
 * count for the next, of which the news may be under way. 0: none; -1: there are several. */
static int looked_at(const struct agent_program *a, const char *program)
{
    int pid = 0;
    for (const struct agent_process *p = NULL; (p = agent_procs_next(a->procs, p));) {
        if (!p->pid || strcmp(p->program, program) != 0)
            continue;
        if (pid)
            return -1;
        pid = p->pid;
    }
    return pid;
}

/* supd shows it beside the program, and restarts the program if that is configured. */
static void tell_health(struct agent_program *a, const struct probe_view *v, const char *state,
                        bool failed_now)
{
    if (!v->opts->program)
        return;
    char pid_text[32];
    int pid = looked_at(a, v->opts->program);
    bool restart = failed_now && v->opts->on_fail == PROBE_RESTART && take_restart(a, v);
    snprintf(pid_text, sizeof(pid_text), "pid=%d", pid);
    const char *args[7] = {v->opts->program, v->name, state, v->last ? v->last->detail : ""};
    size_t n = 4;
    if (pid >= 0)
        args[n++] = pid_text;
    if (restart)
        args[n++] = "restart=1";
    if (!channel_ask(a->channel, "health", args, on_told, NULL))
        log_warn("probe %s: supd does not answer", v->name);
}

static void on_event(void *obj, const struct probe_event *ev)
{
    struct agent_program *a = obj;
    const struct probe_view *v = ev->probe;
    keeping_probe(a, ev);
    alerting_probe(a, ev);
    if (ev->kind == PROBE_CHANGED) {
        log_change(ev);
        tell_health(a, v, sched_state_text(v->state), v->state == SCHED_FAILED);
    } else if (ev->kind == PROBE_RESULT && ev->verdict->status == VERDICT_FAIL &&
               waits_for_restart(a, v)) {
        tell_health(a, v, sched_state_text(v->state), true);
    } else if (ev->kind == PROBE_ADDED || ev->kind == PROBE_RESTORED) {
        tell_health(a, v, sched_state_text(v->state), false);
    } else if (ev->kind == PROBE_REMOVED) {
        tell_health(a, v, "GONE", false);
    }
}

void probing_apply(struct agent_program *a)
{
    memfile_refresh(a->env.memfiles);
    probes_apply(a->probes, a->gen);
    keeping_apply(a);
}

/* No other process of its program is up: while one is, the program has not begun anew. */
static bool is_alone(const struct agent_program *a, const struct agent_process *p)
{
    for (const struct agent_process *q = NULL; (q = agent_procs_next(a->procs, q));) {
        if (q != p && q->pid && strcmp(q->program, p->program) == 0)
            return false;
    }
    return true;
}

void probing_process(struct agent_program *a, const struct procs_change *c)
{
    if (c->what == PROCS_SPAWNED && *c->p->program && is_alone(a, c->p))
        probes_program_started(a->probes, c->p->program);
}

bool probing_setup(struct agent_program *a, struct err *e)
{
    a->env.loop = a->loop;
    a->env.resolve = resolve_new(a->loop, NULL, e);
    if (a->env.resolve)
        a->env.http = http_new(a->loop, a->env.resolve, e);
    if (a->env.http)
        a->env.files = files_new(a->loop, e);
    if (!a->env.files)
        return false;
    a->env.trusts = trusts_new();
    a->env.memfiles = memfile_new(a->loop, a->env.files);
    http_memfiles(a->env.http, a->env.memfiles);
    a->probes = probes_new(&a->env, on_event, a);
    keeping_setup(a);
    return true;
}

void probing_fini(struct agent_program *a)
{
    if (a->probes)
        probes_free(&a->probes);
    struct restarts *r, *next;
    HASH_ITER(hh, a->restarts, r, next)
    {
        HASH_DEL(a->restarts, r);
        VEC_FINI(&r->at);
        free(r->probe);
        free(r);
    }
    trusts_free(&a->env.trusts);
    if (a->env.http)
        http_free(&a->env.http);
    memfile_free(&a->env.memfiles);
    files_free(&a->env.files);
    if (a->env.resolve)
        resolve_free(&a->env.resolve);
}
