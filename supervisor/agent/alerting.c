/* The agent's alerts: facts from supd and from probes to the engine, and its store. */
#include "supervisor/agent/alerting.h"
#include "supervisor/agent/counting.h"
#include "supervisor/agent/keeping.h"
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
        a->store_is_file = true;
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

/* The common name in "CN=shop.example, O=Shop", as others are told by; else all of it. */
static const char *name_in(const char *subject, char *buf, size_t size)
{
    const char *cn = strncmp(subject, "CN=", 3) == 0 ? subject : strstr(subject, ",CN=");
    if (!cn)
        cn = strstr(subject, " CN=");
    if (!cn)
        return subject;
    cn = strchr(cn, '=') + 1;
    snprintf(buf, size, "%.*s", (int)strcspn(cn, ","), cn);
    return buf;
}

/* The certificate of kinds that tell of one only: of the chain, the one that ends first. */
struct only {
    struct cert_seen c;
    char name[sizeof(((struct cert_facts *)0)->subject)];
};

static void put_only(const struct cert_facts *c, struct only *out)
{
    bool staged = c->stage_not_after != 0;
    out->c = (struct cert_seen){.not_before = staged ? c->stage_not_before : c->not_before,
                                .not_after = staged ? c->stage_not_after : c->not_after,
                                .subject = name_in(c->subject, out->name, sizeof(out->name))};
    memcpy(out->c.fingerprint, staged ? c->stage_fingerprint : c->fingerprint,
           sizeof(out->c.fingerprint));
}

static void put_certs(const struct verdict *v, struct only *only, struct engine_probe_fact *f)
{
    f->certs = v->certs;
    f->ncerts = v->ncerts;
    f->certs_partial = v->certs_partial;
    if (v->ncerts || !v->cert.seen)
        return;
    put_only(&v->cert, only);
    f->certs = &only->c;
    f->ncerts = 1;
}

void alerting_probe(struct agent_program *a, const struct probe_event *ev)
{
    static const enum rule_health health[] = {
        [SCHED_WAITING] = HEALTH_UNKNOWN, [SCHED_OK] = HEALTH_OK, [SCHED_FAILED] = HEALTH_FAILED};
    const struct probe_view *v = ev->probe;
    struct only only;
    if (ev->kind == PROBE_REMOVED)
        return;
    struct engine_probe_fact f = {
        .name = v->name, .health = health[v->state], .result = result_of(ev), .since = v->since};
    if (v->last_at.ns) {
        f.reason = v->last->reason ? reason_text(v->last->reason) : NULL;
        f.detail = v->last->detail;
    }
    if (ev->kind == PROBE_RESULT && ev->verdict)
        put_certs(ev->verdict, &only, &f);
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
    f->fresh = p->fresh;
    f->counters = (struct feed_counters){.exits = p->exits,
                                         .unexpected = p->unexpected,
                                         .restarts = p->restarts,
                                         .restarts_unexpected = p->restarts_unexpected};
    engine_process(a->engine, f);
}

void alerting_process(struct agent_program *a, const struct procs_change *c)
{
    struct engine_process_fact f = {0};
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
    static const struct engine_ops ops = {
        .run_probe = run_probe, .kept = keeping_record, .restored = keeping_restored};
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
    keeping_fini(a);
    if (a->engine)
        engine_free(&a->engine);
    if (a->store && !store_close(&a->store, CLOSE_LIMIT))
        log_warn("agent: its last records may not have been written");
    if (a->exec)
        exec_free(&a->exec);
    if (a->mail)
        mail_free(&a->mail);
}
