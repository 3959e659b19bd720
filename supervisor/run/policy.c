/* From a generation's options to the policy of the process machine. */
#include "supervisor/run/procs.h"

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
        .orphans_kill = o->orphans_kill,
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
}
