/* The agent's probes, and what their results mean for the programs that they look at. */
#include "supervisor/agent/probing.h"
#include "supervisor/base/log.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/resolve.h"

#include <string.h>

/* One line for each change of a probe's state. */
static void log_change(const struct probe_event *ev)
{
    const struct probe_view *v = ev->probe;
    enum log_level level = v->state == SCHED_FAILED ? LVL_WARN : LVL_INFO;
    log_line(level, "probe %s: %s -> %s, reason: %s%s%s", v->name, sched_state_text(ev->before),
             sched_state_text(v->state), v->last ? reason_text(v->last->reason) : "none",
             v->last && v->last->detail[0] ? ": " : "", v->last ? v->last->detail : "");
}

static void on_told(void *obj, const struct wire_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_ERROR)
        log_warn("probes: supd answered: %s", r->text);
}

/* supd shows it beside the program, and restarts the program if that is configured. */
static void tell_health(struct agent_program *a, const struct probe_view *v)
{
    const char *args[] = {v->opts->program, v->name, sched_state_text(v->state),
                          v->last ? v->last->detail : "", NULL};
    if (v->opts->program)
        channel_ask(a->channel, "health", args, on_told, NULL);
}

static void on_event(void *obj, const struct probe_event *ev)
{
    struct agent_program *a = obj;
    if (ev->kind == PROBE_CHANGED)
        log_change(ev);
    if (ev->kind == PROBE_CHANGED || ev->kind == PROBE_ADDED)
        tell_health(a, ev->probe);
}

void probing_apply(struct agent_program *a)
{
    probes_apply(a->probes, a->gen, NULL, 0);
}

void probing_process(struct agent_program *a, const struct procs_change *c)
{
    if (c->what == PROCS_SPAWNED && *c->p->program)
        probes_program_started(a->probes, c->p->program);
}

bool probing_setup(struct agent_program *a, struct err *e)
{
    a->env.loop = a->loop;
    a->env.resolve = resolve_new(a->loop, NULL, e);
    if (a->env.resolve)
        a->env.http = http_new(a->loop, a->env.resolve, e);
    if (!a->env.http)
        return false;
    a->probes = probes_new(&a->env, on_event, a);
    return true;
}

void probing_fini(struct agent_program *a)
{
    if (a->probes)
        probes_free(&a->probes);
    if (a->env.http)
        http_free(&a->env.http);
    if (a->env.resolve)
        resolve_free(&a->env.resolve);
}
