/* The agent's alerts: facts from supd and from probes to the engine, and its store. */
#include "supervisor/agent/alerting.h"
#include "supervisor/agent/counting.h"
#include "supervisor/base/log.h"
#include "supervisor/io/exec_out.h"
#include "supervisor/io/journal.h"
#include "supervisor/io/mail_out.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CLOSE_LIMIT DUR_MS(1200) /* supd waits 1.8 s for the agent to end */

/* ---- the store ---- */

/* A file in state_dir= where that can be written to, else the memory that supd keeps. */
static void open_store(struct agent_program *a)
{
    struct err e;
    char path[4200];
    const char *dir = a->gen->conf->agent.state_dir;
    a->store_opened = true;
    snprintf(path, sizeof(path), "%s/agent.db", dir);
    if (access(dir, W_OK | X_OK) == 0) {
        a->store = store_open(a->loop, path, engine_loaded, a->engine, &e);
    } else if (a->journal >= 0) {
        log_info("agent: cannot write to state_dir %s: alerts and windows are kept in memory that "
                 "supd holds, and lost when supd ends",
                 dir);
        a->store = journal_open(a->loop, a->journal, engine_loaded, a->engine, &e);
    } else {
        err_set(&e, "neither state_dir %s nor memory of supd's can be used", dir);
    }
    if (a->store)
        engine_use_store(a->engine, a->store);
    else
        log_warn("agent: %s: alerts and windows do not survive the agent", e.msg);
}

/* ---- probes ---- */

static enum engine_result result_of(const struct probe_event *ev)
{
    static const enum engine_result results[] = {
        [VERDICT_OK] = ENGINE_OK, [VERDICT_FAIL] = ENGINE_FAIL, [VERDICT_UNKNOWN] = ENGINE_UNKNOWN};
    return ev->kind == PROBE_RESULT && ev->verdict ? results[ev->verdict->status]
                                                   : ENGINE_NO_RESULT;
}

static void put_hex(char *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

/* The certificate of the chain that ends first decides. */
static struct engine_cert cert_of(const struct verdict *v, char *hex)
{
    const struct cert_facts *c = &v->cert;
    if (!c->seen)
        return (struct engine_cert){0};
    bool staged = c->stage_not_after != 0;
    put_hex(hex, staged ? c->stage_fingerprint : c->fingerprint, 32);
    return (struct engine_cert){.seen = true,
                                .not_before = staged ? c->stage_not_before : c->not_before,
                                .not_after = staged ? c->stage_not_after : c->not_after,
                                .fingerprint = hex,
                                .subject = c->subject};
}

void alerting_probe(struct agent_program *a, const struct probe_event *ev)
{
    static const enum rule_health health[] = {
        [SCHED_WAITING] = HEALTH_UNKNOWN, [SCHED_OK] = HEALTH_OK, [SCHED_FAILED] = HEALTH_FAILED};
    const struct probe_view *v = ev->probe;
    char hex[65] = "";
    if (ev->kind == PROBE_REMOVED)
        return;
    struct engine_probe_fact f = {
        .name = v->name, .health = health[v->state], .result = result_of(ev), .since = v->since};
    if (v->last_at.ns) {
        f.reason = v->last->reason ? reason_text(v->last->reason) : NULL;
        f.detail = v->last->detail;
        f.cert = cert_of(v->last, hex);
    }
    engine_probe(a->engine, &f);
}

static void on_parent(void *obj, const struct probe_view *v, const struct verdict *verdict)
{
    (void)obj, (void)v, (void)verdict; /* its result comes as any other */
}

static void run_probe(void *obj, const char *name)
{
    struct agent_program *a = obj;
    probes_run(a->probes, name, on_parent, NULL);
}

/* ---- processes ---- */

static void tell_process(struct agent_program *a, const struct agent_process *p,
                         struct engine_process_fact *f)
{
    char group[512];
    size_t n = strcspn(p->name, ":");
    if (n >= sizeof(group) || !*p->program)
        return;
    memcpy(group, p->name, n);
    group[n] = '\0';
    f->group = group;
    f->program = p->program;
    f->process = p->name;
    if (!f->state)
        f->state = p->state;
    f->exit_expected = p->last_expected;
    engine_process(a->engine, f);
}

void alerting_process(struct agent_program *a, const struct procs_change *c)
{
    struct engine_process_fact f = {0};
    bool exit = c->what == PROCS_EXIT, restart = c->what == PROCS_SPAWNED && c->restart;
    f.exits_expected = exit && c->expected;
    f.exits_unexpected = exit && !c->expected;
    f.restarts_expected = restart && c->p->last_expected;
    f.restarts_unexpected = restart && !c->p->last_expected;
    if (c->what == PROCS_GONE) {
        engine_process(a->engine, &(struct engine_process_fact){.group = c->p->name,
                                                                .program = c->p->program,
                                                                .process = c->p->name});
        return;
    }
    tell_process(a, c->p, &f);
}

void alerting_snapshot(struct agent_program *a)
{
    for (const struct agent_process *p = NULL; (p = agent_procs_next(a->procs, p));)
        tell_process(a, p, &(struct engine_process_fact){0});
}

/* ---- life ---- */

bool alerting_apply(struct agent_program *a)
{
    struct err e;
    if (!a->store_opened)
        open_store(a);
    if (engine_apply(a->engine, a->gen, &e) < 0) {
        log_error("agent: %s", e.msg);
        return false;
    }
    alerting_snapshot(a);
    counting_apply(a);
    return true;
}

bool alerting_setup(struct agent_program *a, struct err *e)
{
    static const struct engine_ops ops = {run_probe};
    char host[256] = "localhost";
    gethostname(host, sizeof(host) - 1);
    a->mail = mail_new(a->loop, a->env.resolve, e);
    if (!a->mail)
        return false;
    a->exec = exec_new(a->loop);
    a->send =
        (struct send_env){.loop = a->loop, .http = a->env.http, .exec = a->exec, .mail = a->mail};
    a->engine = engine_new(&(struct engine_env){.send = &a->send, .host = host}, &ops, a);
    return true;
}

void alerting_fini(struct agent_program *a)
{
    counting_fini(a);
    if (a->engine)
        engine_free(&a->engine);
    if (a->store && !store_close(&a->store, CLOSE_LIMIT))
        log_warn("agent: its last records may not have been written");
    if (a->exec)
        exec_free(&a->exec);
    if (a->mail)
        mail_free(&a->mail);
}
