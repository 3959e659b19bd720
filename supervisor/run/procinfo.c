/* What is known of a process: its names, what its record says to its machine, and why it could not
 * start. */
#include "supervisor/core/ready.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/procs.h"

#include <stdio.h>
#include <string.h>

const char *proc_name(const struct proc *p)
{
    return gen_str(p->gen->gen, p->conf->name);
}

const char *proc_fullname(const struct proc *p, char *buf, size_t size)
{
    if (strcmp(p->group->name, proc_name(p)) == 0)
        snprintf(buf, size, "%s", proc_name(p));
    else
        snprintf(buf, size, "%s:%s", p->group->name, proc_name(p));
    return buf;
}

static void policy_stops(const struct gen *g, const struct gen_opts *o, struct proc_policy *out)
{
    const struct gen_stop *stops = gen_at(g, o->stops);
    out->nstops = o->nstops < PROC_STOPS_MAX ? o->nstops : PROC_STOPS_MAX;
    for (unsigned i = 0; i < out->nstops; i++)
        out->stops[i] = (struct proc_stop_step){stops[i].sig, {stops[i].wait_ns}};
    out->stopwait.ns = o->stopwait_ns;
}

void proc_policy_of(const struct gen *g, const struct gen_proc *c, struct proc_policy *out)
{
    const struct gen_opts *o = gen_opts(g, c);
    *out = (struct proc_policy){
        .startsecs = {o->startsecs_ns},
        .startretries = o->startretries,
        .autorestart = (enum proc_restart)o->autorestart,
        .exitcodes = o->exitcodes,
        .stopasgroup = o->stopasgroup,
        .killasgroup = o->killasgroup,
        .orphans_kill = o->orphans == GEN_ORPHANS_KILL,
        .backoff = {o->backoff_ns},
        .factor_milli = o->backoff_factor_milli,
        .jitter_milli = o->backoff_jitter_milli,
        .backoff_max = {o->backoff_max_ns},
        .backoff_reset = {o->backoff_reset_ns},
        .retry_window = {o->retry_window_ns},
        .on_fatal = (enum proc_on_fatal)o->on_fatal,
        .fatal_retry = {o->fatal_retry_ns},
    };
    policy_stops(g, o, out);
    const struct gen_commands *commands = gen_commands(g, c);
    if (commands && commands->command[GEN_STOP_COMMAND].argc)
        out->stop_command.ns = commands->stop_ns;
    const struct gen_order *order = gen_order(g, o);
    if (!order)
        return;
    out->once = order->type != PROG_SERVICE;
    out->told = !out->once && order->ready != READY_STARTSECS;
    out->ready_timeout.ns = order->ready_timeout_ns;
}

bool proc_is_once(const struct proc *p)
{
    const struct gen_order *o = gen_order(p->gen->gen, proc_opts(p));
    return o && o->type != PROG_SERVICE;
}

/* Why the last start failed, in Supervisor's words where we stand for it and it has some. */
static void explain(const struct proc *p, char *buf, size_t size)
{
    if (!proc_sup(p)->opt.as_supervisord || !launch_fault(p, buf, size))
        launch_explain(p, buf, size);
}

const char *proc_spawnerr(const struct proc *p, char *buf, size_t size)
{
    const struct proc_life *l = proc_life(p);
    buf[0] = '\0';
    bool failed = l->state == PROC_BACKOFF || l->state == PROC_FATAL;
    if (failed || l->why == PROC_WHY_CANNOT || state_cell(proc_sup(p)->state, p->slot)->errnum)
        explain(p, buf, size);
    if (buf[0])
        return buf;
    if (failed && l->why == PROC_WHY_TIMEOUT)
        snprintf(buf, size, "Not ready in time (process log may have details)");
    else if (failed && proc_is_once(p))
        snprintf(buf, size, "Exited without success (process log may have details)");
    else if (failed)
        snprintf(buf, size, "Exited too quickly (process log may have details)");
    else if (l->has_exit && l->state == PROC_EXITED && !l->expected)
        snprintf(buf, size, "Bad exit code %d", proc_exit_code(l->exit_status));
    return buf;
}
