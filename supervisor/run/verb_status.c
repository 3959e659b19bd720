/* Verbs that show processes: status, explain, subscribe. */
#include "supervisor/base/text.h"
#include "supervisor/io/reap.h"
#include "supervisor/run/health.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/memory.h"
#include "supervisor/run/notify.h"
#include "supervisor/run/readiness.h"
#include "supervisor/run/taps.h"
#include "supervisor/run/verb.h"

#include <string.h>

static void put_exit(struct wire_out *w, const struct proc_life *l)
{
    if (!l->has_exit)
        return;
    char words[PROC_STATUS_WORDS];
    wire_kv_int(w, "exitcode", proc_exit_code(l->exit_status));
    wire_kv(w, "exit", proc_status_words(l->exit_status, words));
    wire_kv_int(w, "expected", l->expected);
}

static void put_times(struct wire_out *w, const struct proc_life *l, mono_t now)
{
    if (l->pid)
        wire_kv_int(w, "uptime_ms", mono_sub(now, l->started).ns / 1000000);
    if (l->changed.ns)
        wire_kv_int(w, "since_ms", mono_sub(now, l->changed).ns / 1000000);
    wire_kv_int(w, "start", l->start_wall.ns / 1000000000);
    wire_kv_int(w, "stop", l->stop_wall.ns / 1000000000);
    if (l->due.ns)
        wire_kv_int(w, "next_ms", mono_sub(l->due, now).ns / 1000000);
}

/* What it waits for, and what it says of itself. */
static void put_order(struct wire_out *w, const struct proc *p)
{
    const struct readiness *r = readiness_of(p);
    struct str text = STR_INIT;
    order_waits_for(p, &text);
    if (text.len)
        wire_kv(w, "waiting", str_text(&text));
    if (r && r->text)
        wire_kv(w, "says", r->text);
    if (r && r->lost)
        wire_kv_int(w, "not_ready", 1);
    str_fini(&text);
}

static void put_logs(struct wire_out *w, const struct proc *p)
{
    static const char *const keys[] = {"stdout_log", "stderr_log"};
    for (int i = 0; i < 2; i++) {
        const char *path = p->log[i] ? logs_path(p->log[i]) : "";
        if (*path)
            wire_kv(w, keys[i], path);
    }
}

/* The name of the signal that it stands still by, or NULL. No event tells: it is asked for. */
static const char *stopped_by(const struct proc_life *l, char *buf, size_t size)
{
    int sig = l->pid ? reap_stopped(l->pid) : 0;
    return sig ? text_signal_name(sig, buf, size) : NULL;
}

/* look: whether it may stand still */
static void status_row(struct ctl_req *rq, struct proc *p, bool look)
{
    char buf[ERR_MAX];
    const struct proc_life *l = proc_life(p);
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", proc_fullname(p, buf, PROC_NAME_MAX));
    wire_kv(&w, "group", p->group->name);
    wire_kv(&w, "state", proc_state_name((enum proc_state)l->state));
    wire_kv_int(&w, "pid", l->pid);
    const char *stopped = look ? stopped_by(l, buf, sizeof(buf)) : NULL;
    if (stopped)
        wire_kv(&w, "stopped", stopped);
    put_times(&w, l, loop_now(proc_sup(p)->loop));
    wire_kv_int(&w, "starts", (int64_t)l->starts);
    wire_kv_int(&w, "restarts", (int64_t)l->restarts);
    wire_kv_int(&w, "exits", (int64_t)l->exits);
    wire_kv_int(&w, "fatals", (int64_t)l->fatals);
    wire_kv_int(&w, "unexpected", (int64_t)l->unexpected);
    wire_kv_int(&w, "restarts_unexpected", (int64_t)l->restarts_unexpected);
    wire_kv_int(&w, "tries", l->tries);
    put_exit(&w, l);
    wire_kv(&w, "why", proc_why_text((enum proc_why)l->why));
    put_order(&w, p);
    notify_put(p, &w);
    if (*proc_spawnerr(p, buf, sizeof(buf)))
        wire_kv(&w, "spawnerr", buf);
    put_logs(&w, p);
    health_put(proc_sup(p), p->gen->gen, p->conf, &w);
    wire_end(&w);
}

static void status_rows(struct ctl_req *rq, const struct verb_picks *v)
{
    bool look = v->n == 1 || reap_any_stopped();
    for (size_t i = 0; i < v->n; i++)
        status_row(rq, v->procs[i], look);
}

void verb_status(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct verb_picks v;
    if (!verb_pick(s, rq, rq->argv, rq->argc, &v))
        return;
    status_rows(rq, &v);
    verb_unknown(rq, &v);
    verb_finish(rq, v.nunknown);
    verb_picks_fini(&v);
}

void verb_subscribe(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct verb_picks v;
    int64_t text = 0;
    if (!verb_int_option(rq, "text", 0, 1, &text))
        return;
    if (rq->argc > 0) {
        ctl_usage(rq);
        return;
    }
    if (text && (rq->role & CTL_AGENT)) { /* it asks by name: verb_text.c */
        ctl_error(rq, WIRE_DENIED, "the agent gets text of the programs that it names");
        return;
    }
    if (!verb_pick(s, rq, NULL, 0, &v))
        return;
    status_rows(rq, &v);
    verb_picks_fini(&v);
    ctl_subscribe(rq, text);
    if (text)
        taps_listen(s->taps);
}

static void explain_wait(const struct proc *p, struct str *out)
{
    str_puts(out, "waiting for ");
    order_waits_for(p, out);
    str_puts(out, order_is_stuck(p)
                      ? "; that does not come by itself: it starts when that was started and is "
                        "there."
                      : "; it starts when that is there.");
}

/* what its source found, where it is not ready; what it says of itself */
static void explain_said(const struct proc *p, struct str *out)
{
    const struct readiness *r = readiness_of(p);
    if (r && r->text)
        str_printf(out, " Not ready: %s.", r->text);
    notify_explain(p, out);
}

/* the paragraph of the machine, with the sentence of a failed start where there is one */
static void explain_one(struct ctl_req *rq, struct proc *p, mono_t now)
{
    char name[PROC_NAME_MAX], error[ERR_MAX];
    struct str text = STR_INIT;
    struct proc_policy policy;
    proc_policy_of(p->gen->gen, p->conf, &policy);
    if (order_is_held(p))
        explain_wait(p, &text);
    else
        proc_explain(&policy, proc_life(p), now, &text);
    explain_said(p, &text);
    const char *stopped = stopped_by(proc_life(p), error, sizeof(error));
    if (stopped)
        str_printf(&text, " It stands still, stopped by %s, until SIGCONT.", stopped);
    memory_explain(p, &text);
    health_explain(proc_sup(p), p->gen->gen, p->conf, &text);
    if (proc_sup(p)->mood == SUP_STOPPING)
        str_puts(&text, " supd is shutting down: nothing is started any more.");
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", proc_fullname(p, name, sizeof(name)));
    wire_kv(&w, "code", "OK");
    wire_kv(&w, "text", str_text(&text));
    if (*proc_spawnerr(p, error, sizeof(error)))
        wire_kv(&w, "spawnerr", error);
    put_logs(&w, p);
    wire_kv_fmt(&w, "conf", "%s:%u", gen_str(p->gen->gen, p->conf->file), p->conf->line);
    wire_end(&w);
    str_fini(&text);
}

void verb_explain(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct verb_picks v;
    if (!verb_pick(s, rq, rq->argv, rq->argc, &v))
        return;
    for (size_t i = 0; i < v.n; i++)
        explain_one(rq, v.procs[i], loop_now(s->loop));
    verb_unknown(rq, &v);
    verb_finish(rq, v.nunknown);
    verb_picks_fini(&v);
}
