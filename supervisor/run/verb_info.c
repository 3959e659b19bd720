/* Verbs about supd itself: ping, version, help, names, pid, stats. */
#include "supervisor/run/logs.h"
#include "supervisor/run/verb.h"
#include "supervisor/run/agent.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void verb_ping(void *obj, struct ctl_req *rq)
{
    (void)obj;
    ctl_ok(rq);
}

static const char *mood_name(enum sup_mood mood)
{
    static const char *const names[] = {
        [SUP_BOOTING] = "BOOTING", [SUP_RUNNING] = "RUNNING", [SUP_STOPPING] = "STOPPING"};
    return names[mood];
}

void verb_version(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct wire_out w = ctl_ok_begin(rq);
    wire_kv(&w, "version", SUPD_VERSION);
    wire_kv_int(&w, "protocol", WIRE_PROTOCOL);
    wire_kv_int(&w, "pid", s->pid);
    wire_kv(&w, "state", mood_name(s->mood));
    wire_kv_int(&w, "uptime_ms", mono_sub(mono_now(), s->started).ns / 1000000);
    wire_kv(&w, "config", s->gen ? gen_str(s->gen->gen, s->gen->gen->path) : "");
    wire_kv_int(&w, "generation", s->gen ? s->gen->id : 0);
    wire_kv(&w, "socket", ctl_path(s->ctl));
    wire_kv_int(&w, "init", s->is_init);
    wire_kv_int(&w, "subreaper", s->is_subreaper);
    wire_kv_int(&w, "resumable", state_fd(s->state) >= 0);
    wire_kv_int(&w, "upgrades", state_kept(s->state)->upgrades);
    wire_kv_int(&w, "crashes", state_kept(s->state)->crashes);
    ctl_done(rq, &w);
}

static const char *who_may(unsigned roles)
{
    if (roles & CTL_READER)
        return "reader";
    if (roles & CTL_ADMIN)
        return roles & CTL_RPC ? "admin, rpc" : "admin";
    return roles & CTL_RPC ? "rpc" : "agent";
}

static void help_row(struct ctl_req *rq, const struct ctl_verb *v)
{
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "verb", v->name);
    wire_kv(&w, "args", v->args);
    wire_kv(&w, "help", v->help);
    wire_kv(&w, "who", who_may(v->roles));
    wire_end(&w);
}

void verb_help(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    size_t n, shown = 0;
    const struct ctl_verb *verbs = ctl_verbs(s->ctl, &n);
    for (size_t i = 0; i < n; i++)
        if (rq->argc == 0 || strcmp(rq->argv[0], verbs[i].name) == 0) {
            help_row(rq, &verbs[i]);
            shown++;
        }
    if (shown)
        ctl_ok(rq);
    else
        ctl_error(rq, WIRE_BAD_REQUEST, "no such verb: %s", rq->argv[0]);
}

void verb_names(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct group *g;
    char name[PROC_NAME_MAX];
    TAILQ_FOREACH (g, &s->groups, link) {
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "group", g->name);
        wire_kv_int(&w, "processes", g->nprocs);
        wire_end(&w);
    }
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "name", proc_fullname(p, name, sizeof(name)));
        wire_end(&w);
    }
    ctl_ok(rq);
}

static void pids_of(struct sup *s, struct ctl_req *rq)
{
    struct verb_picks v;
    char name[PROC_NAME_MAX];
    if (!verb_pick(s, rq, rq->argv, rq->argc, &v))
        return;
    for (size_t i = 0; i < v.n; i++) {
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "name", proc_fullname(v.procs[i], name, sizeof(name)));
        wire_kv(&w, "code", "OK");
        wire_kv_int(&w, "pid", proc_life(v.procs[i])->pid);
        wire_end(&w);
    }
    verb_unknown(rq, &v);
    verb_finish(rq, v.nunknown);
    verb_picks_fini(&v);
}

void verb_pid(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    if (rq->argc > 0) {
        pids_of(s, rq);
        return;
    }
    struct wire_out w = ctl_ok_begin(rq);
    wire_kv_int(&w, "pid", s->pid);
    ctl_done(rq, &w);
}

static void put_totals(struct wire_out *w, struct sup *s)
{
    const struct state_totals *t = state_totals(s->state);
    struct ctl_stats c;
    ctl_stats(s->ctl, &c);
    wire_kv_int(w, "spawned", (int64_t)t->spawned);
    wire_kv_int(w, "reaped", (int64_t)t->reaped);
    wire_kv_int(w, "orphans", (int64_t)t->orphans);
    wire_kv_int(w, "spawn_refused", (int64_t)t->spawn_refused);
    wire_kv_int(w, "reloads", (int64_t)t->reloads);
    const struct state_errand_totals *n = state_errand_totals(s->state);
    wire_kv_int(w, "hooks_run", (int64_t)n->run);
    wire_kv_int(w, "hooks_failed", (int64_t)n->failed);
    wire_kv_int(w, "hooks_lost", (int64_t)n->lost);
    wire_kv_int(w, "clients", c.clients);
    wire_kv_int(w, "subscribers", c.subscribers);
    wire_kv_int(w, "requests", (int64_t)c.requests);
    wire_kv_int(w, "events", (int64_t)c.events);
    wire_kv_int(w, "clients_dropped", (int64_t)c.dropped);
    wire_kv_int(w, "clients_refused", (int64_t)c.refused);
}

static void put_logs(struct wire_out *w, struct sup *s)
{
    struct logs_counters sum = {0}, c;
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        for (int i = 0; i < 2; i++)
            if (p->log[i]) {
                logs_counters(p->log[i], &c);
                sum.bytes += c.bytes;
                sum.lost_bytes += c.lost_bytes;
                sum.lost_lines += c.lost_lines;
                sum.failures += c.failures;
            }
    wire_kv_int(w, "log_bytes", (int64_t)sum.bytes);
    wire_kv_int(w, "log_lost_bytes", (int64_t)sum.lost_bytes);
    wire_kv_int(w, "log_lost_lines", (int64_t)sum.lost_lines);
    wire_kv_int(w, "log_failures", sum.failures);
}

void verb_stats(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct wire_out w = ctl_ok_begin(rq);
    wire_kv_int(&w, "uptime_ms", mono_sub(mono_now(), s->started).ns / 1000000);
    wire_kv_int(&w, "groups", s->ngroups);
    wire_kv_int(&w, "processes", s->nprocs);
    wire_kv_int(&w, "wakeups", (int64_t)loop_turns(s->loop));
    put_totals(&w, s);
    put_logs(&w, s);
    wire_kv_int(&w, "log_pid", s->logs ? logs_pid(s->logs) : 0);
    wire_kv_int(&w, "agent_pid", s->agent ? agent_pid(s->agent) : 0);
    ctl_done(rq, &w);
}
