/* Notices: what they say, and their way into the outbox. */
#include "alerts/engine_impl.h"
#include "alerts/rules/template.h"
#include "supervisor/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a notice says ---- */

static enum notice_kind kind_of(const struct alert *a, enum tell_what tell, enum life_reason why)
{
    if (tell == TELL_RESOLVE)
        return NOTICE_RESOLVED;
    if (a->origin == FROM_STORM)
        return NOTICE_DIGEST;
    if (why == WHY_FLAPPING)
        return NOTICE_FLAPPING;
    if (tell == TELL_TRIGGER)
        return NOTICE_FIRING;
    if (tell == TELL_ACK)
        return NOTICE_ACK;
    return why == WHY_REMINDER ? NOTICE_REMINDER : NOTICE_UPDATE;
}

/* window= of the alert's kind, where it has one */
static dur_t window_of(const struct item *it)
{
    size_t i;
    const struct opt *o = it ? rows_find(it->kind->rows, "window", &i) : NULL;
    dur_t d = {0};
    if (o && o->type == OPT_DURATION)
        memcpy(&d.ns, (const char *)it->own + o->offset, sizeof(d.ns));
    return d;
}

/* Of an end that is told late, when the condition holds again already, the episode that ended. */
static wall_t started(const struct alert *a, enum tell_what tell)
{
    bool late = tell == TELL_RESOLVE && a->life.since.ns > a->life.resolved.ns;
    return late ? a->life.fired : a->life.since;
}

static struct template_facts facts_of(struct engine *e, const struct alert *a, enum tell_what tell)
{
    const struct alert_opts *o = alert_judged(a) ? alert_opts(a->item) : NULL;
    wall_t end = tell == TELL_RESOLVE ? a->life.resolved : engine_now(e);
    dur_t age = wall_sub(end, started(a, tell));
    return (struct template_facts){.name = a->name,
                                   .program = a->program,
                                   .severity = severity_name(a->severity),
                                   .runbook = o ? o->runbook : NULL,
                                   .dashboard = o ? o->dashboard : NULL,
                                   .text = a->ev.text,
                                   .dated = a->ev.dated,
                                   .value = a->ev.value,
                                   .limit = a->ev.limit,
                                   .unit = a->ev.unit,
                                   .n = a->ev.n,
                                   .k = a->ev.k,
                                   .window = window_of(o ? a->item : NULL),
                                   .since = engine_shown(e, started(a, tell)),
                                   .age = age.ns > 0 ? age : (dur_t){0},
                                   .labels = o ? &o->labels : NULL};
}

static const char *summary_of(const struct alert *a, enum tell_what tell,
                              const struct template_facts *f)
{
    const struct alert_opts *o = alert_judged(a) ? alert_opts(a->item) : NULL;
    if (o && o->summary)
        return o->summary;
    if (tell == TELL_RESOLVE)
        return "{{name}}: over after {{age}}: {{text}}";
    if (a->origin == FROM_NODATA)
        return "{{name}} cannot be evaluated since {{since}}: {{text}}";
    return alert_judged(a) || !*f->text ? template_default(f) : "{{name}}: {{text}}";
}

static char *line(struct arena *mem, const char *before, const char *template,
                  const struct template_facts *f)
{
    struct str s = STR_INIT;
    str_puts(&s, before);
    template_line(template, f, SUMMARY_CHARS - strlen(before), &s);
    char *copy = arena_strdup(mem, str_text(&s));
    str_fini(&s);
    return copy;
}

static char *filled(struct arena *mem, const char *template, const struct template_facts *f)
{
    struct str s = STR_INIT;
    template_fill(template, f, &s);
    char *copy = arena_strdup(mem, str_text(&s));
    str_fini(&s);
    return copy;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct notice_label *)a)->name, ((const struct notice_label *)b)->name);
}

static void put_labels(struct notice_copy *c, const struct str_list *l)
{
    struct notice_label *v = arena_alloc(c->a, (l->n + 1) * sizeof(*v));
    for (size_t i = 0; i < l->n; i++) {
        char *text = arena_strdup(c->a, l->v[i]), *eq = strchr(text, '=');
        if (!eq)
            continue;
        *eq = '\0';
        v[c->n.nlabels++] = (struct notice_label){text, eq + 1};
    }
    qsort(v, c->n.nlabels, sizeof(*v), by_name);
    c->n.labels = v;
}

static const char *or_empty(struct arena *mem, const char *s)
{
    return s ? arena_strdup(mem, s) : "";
}

static void put_texts(struct engine *e, const struct alert *a, enum tell_what tell,
                      enum life_reason why, struct notice_copy *c)
{
    struct template_facts f = facts_of(e, a, tell);
    const struct alert_opts *o = alert_judged(a) ? alert_opts(a->item) : NULL;
    char by[LIFE_BY + 32] = "";
    if (why == WHY_ACKED)
        snprintf(by, sizeof(by), "acknowledged by %.*s: ", LIFE_BY, a->life.acked_by);
    c->n.summary = line(c->a, by, summary_of(a, tell, &f), &f);
    c->n.description = o && o->description ? filled(c->a, o->description, &f) : "";
    c->n.reason = arena_strdup(c->a, a->ev.text); /* the condition with its numbers */
    c->n.runbook = or_empty(c->a, f.runbook);
    c->n.dashboard = or_empty(c->a, f.dashboard);
    c->n.program = or_empty(c->a, a->program);
    if (tell != TELL_RESOLVE)
        c->n.ack = arena_printf(c->a, "supctl alerts ack %s", a->name);
    if (o) /* the first four have places of their own */
        put_labels(c, &(struct str_list){a->labels.v + 4, a->labels.n - 4});
}

static void refresh_storm(struct engine *e, struct alert *a)
{
    struct str s = STR_INIT;
    gate_describe_storm(e, &s);
    snprintf(a->ev.text, sizeof(a->ev.text), "%s", str_text(&s));
    str_fini(&s);
}

struct notice_copy *tell_make(struct engine *e, struct alert *a, enum tell_what tell,
                              enum life_reason why)
{
    struct notice_copy *c = mem_zalloc(sizeof(*c));
    c->a = arena_new();
    if (a->origin == FROM_STORM && tell != TELL_RESOLVE)
        refresh_storm(e, a);
    c->n = (struct notice){.kind = kind_of(a, tell, why),
                           .id = "",
                           .key = arena_strdup(c->a, a->key),
                           .alert = arena_strdup(c->a, a->name),
                           .severity = severity_name(a->severity),
                           .host = arena_strdup(c->a, e->host),
                           .ack = "",
                           .has_value = a->ev.has_value,
                           .value = a->ev.value,
                           .limit = a->ev.limit,
                           .starts = engine_shown(e, started(a, tell)),
                           .at = wall_now()};
    if (tell == TELL_RESOLVE)
        c->n.ends = engine_shown(e, a->life.resolved);
    put_texts(e, a, tell, why, c);
    return c;
}

/* ---- payloads: shared by rows, as long as one of them is there ---- */

struct payload *payload_find(struct engine *e, uint64_t id)
{
    struct payload *p;
    HASH_FIND(hh, e->payloads, &id, sizeof(id), p);
    return p;
}

void payload_add(struct engine *e, uint64_t id, struct notice_copy *c)
{
    struct payload *p = mem_zalloc(sizeof(*p));
    p->id = id;
    p->c = c;
    HASH_ADD(hh, e->payloads, id, sizeof(p->id), p);
}

void payload_free(struct engine *e, struct payload *p)
{
    HASH_DEL(e->payloads, p);
    notice_copy_free(&p->c);
    free(p);
}

static bool payload_used(const struct engine *e, uint64_t id)
{
    VEC_EACH (&e->outbox.rows, i) {
        if (e->outbox.rows.v[i].payload == id || e->outbox.rows.v[i].folded == id)
            return true;
    }
    return false;
}

void payload_unused(struct engine *e, uint64_t id)
{
    struct payload *p = id ? payload_find(e, id) : NULL;
    if (!p || payload_used(e, id))
        return;
    store_payload_gone(e, id);
    payload_free(e, p);
}

/* ---- into the outbox ---- */

void tell_put(struct engine *e, struct alert *a, const struct life_action *act)
{
    struct outbox_notice nt = {.key = a->key,
                               .channel = act->channel,
                               .seq = act->seq,
                               .tell = act->tell,
                               .why = act->why,
                               .payload = ++e->ids.payload};
    payload_add(e, nt.payload, tell_make(e, a, act->tell, act->why));
    e->counts.notices++;
    outbox_put(&e->outbox, &nt, engine_now(e), &e->out);
    e->outbox_moved = true;
    if (payload_used(e, nt.payload))
        store_payload(e, payload_find(e, nt.payload));
    else
        payload_free(e, payload_find(e, nt.payload));
    engine_later(e);
}

/* ---- what the outbox decided ---- */

static void answered(struct engine *e, const struct outbox_action *act)
{
    struct alert *a = engine_find(e, act->row.key);
    struct channel *c = engine_channel(e, act->channel);
    if (c && !act->delivered)
        c->lost++;
    if (!a)
        return;
    alert_step(e, a,
               &(struct life_event){.kind = act->delivered ? LIFE_DELIVERED : LIFE_LOST,
                                    .channel = act->channel,
                                    .seq = act->seq,
                                    .tell = act->tell});
    alert_settle(e, a);
    if (c && act->delivered)
        send_told(e, c);
}

static void refusal(struct engine *e, uint32_t channel, bool on)
{
    struct channel *c = engine_channel(e, channel);
    struct str text = STR_INIT;
    if (!c || !c->refusal)
        return;
    str_printf(&text, on ? "the notifier %s takes nothing any more: %s" : "the notifier %s works%s",
               c->name, on ? c->last_error : "");
    eval_own(e, c->refusal, on, str_text(&text));
    str_fini(&text);
}

static void dropped(struct engine *e, const struct outbox_row *row)
{
    e->counts.dropped++;
    if (LOG_LIMIT(60))
        log_error("alerts: %d notices wait already; one of %s is dropped", OUTBOX_ROWS, row->key);
}

static void carry_out(struct engine *e, const struct outbox_action *act)
{
    switch (act->kind) {
    case OUTBOX_WRITE:
        store_row(e, &act->row);
        break;
    case OUTBOX_REMOVE:
        store_row_gone(e, act->row.id);
        payload_unused(e, act->row.payload);
        payload_unused(e, act->row.folded);
        break;
    case OUTBOX_ANSWER:
        answered(e, act);
        break;
    case OUTBOX_REFUSED:
    case OUTBOX_ACCEPTED:
        refusal(e, act->channel, act->kind == OUTBOX_REFUSED);
        break;
    case OUTBOX_DROPPED:
        dropped(e, &act->row);
        break;
    }
}

/* What an action leads to may append more of them. */
void outbox_drain(struct engine *e)
{
    if (e->draining)
        return;
    e->draining = true;
    for (size_t i = 0; i < e->out.v.n; i++) {
        struct outbox_action act = e->out.v.v[i];
        e->outbox_moved = true;
        carry_out(e, &act);
    }
    e->out.v.n = 0;
    e->draining = false;
}
