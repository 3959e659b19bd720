/* Conditions, and the steps of lives. */
#include "alerts/engine_impl.h"
#include "supervisor/base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- a condition ---- */

static void metric_input(struct engine *e, const char *about, struct rule_input *in)
{
    const struct metric *m = about ? feed_metric(e->feed, about) : NULL;
    if (!m)
        return;
    in->window = m->window;
    in->timers = m->timers;
}

static void probe_input(struct engine *e, const char *about, struct rule_input *in)
{
    const struct probe_state *p = about ? facts_probe(e, about, false) : NULL;
    if (!p)
        return;
    dur_t since = wall_sub(engine_now(e), p->since);
    in->probe = (struct rule_probe){.health = p->health,
                                    .since = since.ns > 0 ? since : (dur_t){0},
                                    .reason = p->reason,
                                    .detail = p->detail};
}

static void restarts_input(struct engine *e, const struct alert *a, struct rule_input *in)
{
    struct str name = STR_INIT;
    str_printf(&name, "alert:%s", a->name);
    metric_input(e, str_text(&name), in);
    str_fini(&name);
}

void eval_judge(struct engine *e, struct alert *a, bool text, struct evaluation *out)
{
    const char *about = a->rule->about(a->item);
    struct processes procs = {VEC_INIT};
    struct rule_input in = {.now = loop_now(e->loop),
                            .wall = wall_now(),
                            .firing = life_firing(&a->life),
                            .no_text = !text,
                            .clear = alert_opts(a->item)->clear};
    if (a->rule == &rule_cert) {
        certs_input(e, a, &in.cert);
    } else if (a->rule->subject == SUBJECT_METRIC) {
        metric_input(e, about, &in);
    } else if (a->rule->subject == SUBJECT_PROBE) {
        probe_input(e, about, &in);
    } else {
        facts_processes(e, about, &procs);
        in.processes = procs.v.v;
        in.nprocesses = procs.v.n;
        restarts_input(e, a, &in);
    }
    a->rule->evaluate(a->item, &in, out);
    if (a->rule == &rule_cert && !a->cert && out->cond == COND_TRUE)
        out->cond = COND_FALSE; /* the certificate's own alert fires */
    VEC_FINI(&procs.v);
    e->counts.evaluations++;
}

/* Of a certificate: with severity=warning the stages are info, warning, critical from the last but
 * two on, and what has expired is page; another severity= moves all of them by as much. */
static enum severity severity_of(const struct alert *a, const struct evaluation *ev)
{
    int own = alert_opts(a->item)->severity;
    if (!a->cert)
        return (enum severity)own;
    if (ev->cond != COND_TRUE) /* what ends keeps the severity that it was told with */
        return a->life.state == LIFE_OK ? (enum severity)own : (enum severity)a->life.severity;
    int last = (int)((const struct alert_cert *)a->item->own)->stages.n + 1;
    int s = SEV_PAGE - (last - ev->stage) + own - SEV_WARNING;
    return s < SEV_INFO ? SEV_INFO : s > SEV_PAGE ? SEV_PAGE : (enum severity)s;
}

/* ---- what a step did ---- */

static const char *upper(enum life_state s)
{
    static const char *const names[] = {[LIFE_OK] = "OK",
                                        [LIFE_PENDING] = "PENDING",
                                        [LIFE_FIRING] = "FIRING",
                                        [LIFE_RECOVERING] = "RECOVERING"};
    return names[s];
}

static void changed(struct engine *e, struct alert *a, const struct life_action *act)
{
    bool bad = act->to == LIFE_FIRING && act->from != LIFE_RECOVERING;
    log_line(bad && a->severity > SEV_INFO ? LVL_WARN : LVL_INFO,
             "alert %s%s: %s -> %s, reason: %s", a->name,
             a->origin == FROM_NODATA ? " (cannot be evaluated)" : "", upper(act->from),
             upper(act->to), a->ev.text[0] ? a->ev.text : "none");
    if (act->to == LIFE_OK)
        a->grace = WALL_NEVER;
    gate_alert_changed(e, a);
}

static void no_data(struct engine *e, struct alert *a, bool on)
{
    if (a->nodata)
        eval_own(e, a->nodata, on, a->ev.text);
}

static void do_action(struct engine *e, struct alert *a, const struct life_action *act)
{
    switch (act->kind) {
    case LIFE_CHANGED:
        changed(e, a, act);
        break;
    case LIFE_NODATA:
        no_data(e, a, act->on);
        break;
    case LIFE_FLAPS:
        log_info("alert %s: %s", a->name, act->on ? "it is flapping" : "flapping is over");
        break;
    case LIFE_TELL:
        tell_put(e, a, act);
        break;
    case LIFE_GAVE_UP: {
        const struct channel *c = engine_channel(e, act->channel);
        log_error("alert %s: its end could not be told to %s for a week; it is given up", a->name,
                  c ? c->name : "a notifier that is gone");
        break;
    }
    }
}

static void do_actions(struct engine *e, struct alert *a, const struct life_out *out)
{
    for (size_t i = 0; i < out->n; i++)
        do_action(e, a, &out->v[i]);
}

void alert_step(struct engine *e, struct alert *a, const struct life_event *ev)
{
    struct life_out out = {0};
    engine_forgive(e);
    life_step(&a->life, &a->spec, ev, engine_now(e), &out);
    do_actions(e, a, &out);
}

void alert_settle(struct engine *e, struct alert *a)
{
    struct life_gates gates;
    struct life_out out = {0};
    wall_t now = engine_now(e);
    if (a->known && a->severity != a->spec_severity)
        bind_spec(e, a);
    gate_find(e, a, &gates);
    life_tell(&a->life, &a->spec, &gates, now, &out);
    do_actions(e, a, &out);
    a->due = life_deadline(&a->life, &a->spec, now);
    engine_at(e, wall_min(a->due, a->next_eval));
    store_alert(e, a);
    e->sweep |= !a->known;
    engine_later(e);
}

/* ---- evaluation ---- */

static wall_t next_step(wall_t now, dur_t step)
{
    return (wall_t){(now.ns / step.ns + 1) * step.ns};
}

/* A probe's alert is judged with each of its results: else only when none came for so long. */
static wall_t next_look(const struct engine *e, const struct alert *a)
{
    wall_t now = engine_now(e);
    return next_step(a->rule->subject == SUBJECT_PROBE ? wall_add(now, a->interval) : now,
                     a->interval);
}

void eval_alert(struct engine *e, struct alert *a)
{
    struct evaluation ev;
    eval_judge(e, a, a->life.state != LIFE_OK, &ev);
    if (a->life.state == LIFE_OK && ev.cond != COND_FALSE)
        eval_judge(e, a, true, &ev);
    a->ev = ev;
    a->severity = severity_of(a, &ev);
    a->next_eval = next_look(e, a);
    alert_step(e, a,
               &(struct life_event){.kind = LIFE_EVAL,
                                    .cond = ev.cond,
                                    .severity = a->severity,
                                    .stage = a->cert ? (unsigned)ev.stage : 0});
    alert_settle(e, a);
    if (a->cert)
        certs_retire(e, a);
    else if (a->rule == &rule_cert)
        certs_grow(e, a);
}

void eval_own(struct engine *e, struct alert *a, bool on, const char *text)
{
    a->ev = (struct evaluation){.cond = on ? COND_TRUE : COND_FALSE};
    snprintf(a->ev.text, sizeof(a->ev.text), "%s", text);
    alert_step(
        e, a, &(struct life_event){.kind = LIFE_EVAL, .cond = a->ev.cond, .severity = a->severity});
    alert_settle(e, a);
}

/* ---- what is due ---- */

#define PORTION 256 /* alerts a turn */

/* At a deadline of its life it is judged, too: what is told has the numbers of now. */
static void run_due(struct engine *e, struct alert *a)
{
    if (alert_judged(a) && a->known) {
        eval_alert(e, a);
        return;
    }
    if (a->origin == FROM_STORM && e->storm.on) { /* it grows, and may grow graver */
        struct str text = STR_INIT;
        gate_describe_storm(e, &text);
        eval_own(e, a, true, str_text(&text));
        str_fini(&text);
        return;
    }
    alert_step(e, a, &(struct life_event){.kind = LIFE_TIMER});
    alert_settle(e, a);
}

bool eval_due(struct engine *e)
{
    wall_t now = engine_now(e);
    size_t done = 0;
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        if (!wall_reached(a->next_eval, now) && !wall_reached(a->due, now)) {
            engine_at(e, wall_min(a->next_eval, a->due));
            continue;
        }
        if (done++ == PORTION)
            return false;
        run_due(e, a);
    }
    return true;
}

void eval_all_soon(struct engine *e)
{
    wall_t now = engine_now(e);
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        if (alert_judged(a) && a->known)
            a->next_eval = now;
        else
            a->due = now;
    }
    engine_at(e, now);
}
