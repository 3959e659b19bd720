/* Why something is as it is, in sentences with numbers, and what happens next. */
#include "alerts/engine_impl.h"
#include "alerts/rules/template.h"
#include "supervisor/base/dur.h"

#include <inttypes.h>
#include <string.h>

/* ---- words ---- */

static const char *in(const struct engine *e, wall_t at, char *buf)
{
    dur_t d = wall_sub(at, engine_now(e));
    return dur_human(d.ns > 0 ? d : (dur_t){0}, buf, DUR_TEXT);
}

static const char *ago(const struct engine *e, wall_t at, char *buf)
{
    dur_t d = wall_sub(engine_now(e), at);
    return dur_human(d.ns > 0 ? d : (dur_t){0}, buf, DUR_TEXT);
}

/* ---- an alert ---- */

static void put_state(struct engine *e, const struct alert *a, struct str *out)
{
    char buf[DUR_TEXT];
    str_printf(out, "%s is %s", a->name, life_state_name((enum life_state)a->life.state));
    if (a->life.state != LIFE_OK)
        str_printf(out, "; the condition began to hold %s ago", ago(e, a->life.since, buf));
    else if (a->life.resolved.ns)
        str_printf(out, "; it ended %s ago", ago(e, a->life.resolved, buf));
    else
        str_puts(out, "; it has never fired");
    str_printf(out, "; its severity is %s\n", severity_name(a->severity));
}

static void put_condition(const struct alert *a, struct str *out)
{
    struct template_facts f = {.value = a->ev.value, .limit = a->ev.limit, .unit = a->ev.unit};
    str_printf(out, "its condition is %s: %s\n", cond_text(a->ev.cond),
               a->ev.text[0] ? a->ev.text : "nothing more is known");
    if (!a->ev.has_value)
        return;
    str_puts(out, "measured: ");
    template_fill(a->ev.limit > 0 ? "{{value}}, limit {{limit}}" : "{{value}}", &f, out);
    if (a->ev.n)
        str_printf(out, " (%" PRIu64 " of %" PRIu64 ")", a->ev.k, a->ev.n);
    str_putc(out, '\n');
}

static void put_next(struct engine *e, const struct alert *a, struct str *out)
{
    char buf[DUR_TEXT];
    if (a->life.frozen.ns) {
        str_printf(out, "for %s nothing is known: its state and its times stand still\n",
                   ago(e, a->life.frozen, buf));
        if (!a->life.nodata && a->spec.nodata_after.ns)
            str_printf(out, "in %s that is an alert of its own (nodata_after=)\n",
                       in(e, wall_add(a->life.frozen, a->spec.nodata_after), buf));
    } else if (a->life.state == LIFE_PENDING) {
        str_printf(out, "it fires in %s if that goes on (for=)\n",
                   in(e, wall_add(a->life.timer, a->spec.hold_for), buf));
    } else if (a->life.state == LIFE_RECOVERING) {
        str_printf(out, "it is over in %s if that stays so (keep_firing=)\n",
                   in(e, wall_add(a->life.timer, a->spec.keep_firing), buf));
    }
    if (a->next_eval.ns)
        str_printf(out, "it is evaluated next in %s\n", in(e, a->next_eval, buf));
}

static void put_silence(struct engine *e, const struct alert *a, struct str *out)
{
    char buf[DUR_TEXT];
    VEC_EACH (&e->silences.list, i) {
        const struct silence *s = &e->silences.list.v[i];
        if (s->id == a->life.silence)
            str_printf(out, "nothing is told: silence %" PRIu64 " of %s (%s), for %s more\n", s->id,
                       s->author, s->reason, in(e, s->end, buf));
    }
}

static void put_gates(struct engine *e, const struct alert *a, struct str *out)
{
    char buf[DUR_TEXT];
    const char *behind = gate_inhibitor_name(e, a->life.inhibitor);
    put_silence(e, a, out);
    if (behind)
        str_printf(out, "nothing is told: it stays quiet behind %s\n", behind);
    if (a->life.hold.ns > engine_now(e).ns)
        str_printf(out, "nothing is told for %s: what it depends on is looked at first\n",
                   in(e, a->life.hold, buf));
    if (a->life.acked)
        str_printf(out, "%.*s has acknowledged it%s%s\n", LIFE_BY, a->life.acked_by,
                   a->life.acked_until.ns ? " for " : "",
                   a->life.acked_until.ns ? in(e, a->life.acked_until, buf) : "");
    if (a->life.flap.on)
        str_puts(out, "it is flapping: its changes are held back\n");
}

static void put_told(struct engine *e, const struct alert *a, struct str *out)
{
    char buf[DUR_TEXT];
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        const struct life_channel *l = &a->life.ch[i];
        const struct channel *c = l->id ? engine_channel(e, l->id) : NULL;
        if (!c)
            continue;
        str_printf(out, "%s: %s%s\n", c->name,
                   l->on_way == CH_TRIGGER   ? "a notice is on its way"
                   : l->on_way == CH_RESOLVE ? "its end is on its way"
                   : l->open                 ? "was told that it fires"
                                             : "was told nothing",
                   l->again.ns > engine_now(e).ns ? ", and could not be; tried again" : "");
    }
    if (!a->spec.nchannels)
        str_puts(out, "no notifier is told of it\n");
    if (a->life.state == LIFE_FIRING && a->life.next_reminder.ns && !a->life.acked)
        str_printf(out, "a reminder follows in %s (repeat=)\n", in(e, a->life.next_reminder, buf));
}

/* It has nothing to say that another of the same name does not say. */
static bool is_quiet(const struct engine *e, const struct alert *a)
{
    bool one_of_many = a->origin == FROM_NODATA || a->origin == FROM_CERT;
    return one_of_many ? a->life.state == LIFE_OK : certs_speak(e, a);
}

static bool explain_alert(struct engine *e, const char *name, struct str *out)
{
    bool found = false;
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        if (strcmp(a->name, name) != 0 || is_quiet(e, a))
            continue;
        if (found)
            str_putc(out, '\n');
        found = true;
        if (a->origin == FROM_NODATA)
            str_puts(out, "that it cannot be evaluated is an alert of its own:\n");
        if (alert_judged(a) && e->ready)
            eval_judge(e, a, true, &a->ev);
        put_state(e, a, out);
        put_condition(a, out);
        put_next(e, a, out);
        put_gates(e, a, out);
        put_told(e, a, out);
    }
    for (size_t i = 0; found && i < e->order.n; i++) {
        if (e->order.v[i]->origin == FROM_CONF && strcmp(e->order.v[i]->name, name) == 0)
            certs_explain(e, e->order.v[i], out);
    }
    return found;
}

/* ---- a metric ---- */

static void put_window(const struct engine_window *w, struct str *out)
{
    char buf[DUR_TEXT], share[RULE_TEXT];
    double n = w->ok + w->err;
    str_printf(out, "last %s: %.0f, of which %.0f are errors",
               dur_format(w->length, buf, sizeof(buf)), n, w->err);
    if (n > 0)
        str_printf(out, " (%s)", share_print(w->err / n, share));
    if (w->known < 0.9995)
        str_printf(out, "; %.1f%% of the time is known", w->known * 100);
    if (w->has_percentiles)
        str_printf(out, "; p50 %.3g ms, p95 %.3g ms, p99 %.3g ms", (double)w->p50 / 1e6,
                   (double)w->p95 / 1e6, (double)w->p99 / 1e6);
    str_putc(out, '\n');
}

static void explain_one_metric(void *obj, const struct engine_metric *m)
{
    struct str *out = obj;
    str_printf(out, "%s (type=%s) has counted %" PRIu64 ", of which %" PRIu64 " are errors\n",
               m->name, m->type, m->ok + m->err, m->err);
    for (size_t i = 0; i < ENGINE_WINDOWS; i++)
        put_window(&m->windows[i], out);
    if (m->evidence[0])
        str_printf(out, "the last error: %s\n", m->evidence);
}

static void put_users(struct engine *e, const char *metric, struct str *out)
{
    VEC_EACH (&e->order, i) {
        const struct alert *a = e->order.v[i];
        const char *about = a->origin == FROM_CONF && a->item && a->rule->subject == SUBJECT_METRIC
                                ? a->rule->about(a->item)
                                : NULL;
        if (about && strcmp(about, metric) == 0)
            str_printf(out, "the alert %s judges it: %s\n", a->name,
                       life_state_name((enum life_state)a->life.state));
    }
}

/* ---- a notifier ---- */

static void put_row(const struct engine *e, const struct outbox_row *r, struct str *out)
{
    char made[DUR_TEXT], next[DUR_TEXT];
    str_printf(out, "%s of %s, made %s ago, %u attempts: %s", tell_name((enum tell_what)r->tell),
               r->key, ago(e, r->made, made), (unsigned)r->attempts,
               r->state == OUT_SENDING ? "is being sent\n" : "waits, ");
    if (r->state == OUT_QUEUED)
        str_printf(out, "next in %s, given up in %s\n", in(e, r->next, made),
                   in(e, r->expires, next));
}

static void explain_one_notifier(void *obj, const struct engine_notifier *n)
{
    struct str *out = obj;
    str_printf(out,
               "%s (type=%s): %" PRIu64 " delivered, %" PRIu64 " attempts failed, %" PRIu64
               " given up, %" PRIu64 " wait\n",
               n->name, n->type, n->delivered, n->failed, n->lost, n->waiting);
    if (n->refused)
        str_puts(out, "it refuses notices for good: something about it is wrong\n");
    if (n->last_error[0])
        str_printf(out, "the last error: %s\n", n->last_error);
}

static bool explain_notifier(struct engine *e, const char *name, struct str *out)
{
    struct channel *c;
    if (!engine_notifiers(e, name, explain_one_notifier, out))
        return false;
    HASH_FIND_STR(e->channels, name, c);
    VEC_EACH (&e->outbox.rows, i) {
        if (e->outbox.rows.v[i].channel == c->id)
            put_row(e, &e->outbox.rows.v[i], out);
    }
    return true;
}

bool engine_explain(struct engine *e, const char *family, const char *name, struct str *out)
{
    if (strcmp(family, "alert") == 0)
        return explain_alert(e, name, out);
    if (strcmp(family, "notify") == 0)
        return explain_notifier(e, name, out);
    if (strcmp(family, "metric") != 0 || !engine_metrics(e, name, explain_one_metric, out))
        return false;
    put_users(e, name, out);
    return true;
}
