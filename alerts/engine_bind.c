/* A generation's alerts, notifiers and causes, tied to what is known of them. */
#include "alerts/engine_impl.h"
#include "probes/judge/probe.h"
#include "supervisor/base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- notifiers ---- */

/* FNV-1a of the name: the same after every restart, and never 0 */
static uint32_t channel_id(struct engine *e, const char *name)
{
    uint32_t h = 2166136261U;
    for (const char *s = name; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619U;
    while (!h || engine_channel(e, h))
        h++;
    return h;
}

static struct channel *channel_by_name(struct engine *e, const char *name)
{
    struct channel *c;
    HASH_FIND_STR(e->channels, name, c);
    return c;
}

static struct channel *channel_make(struct engine *e, const char *name)
{
    struct channel *c = channel_by_name(e, name);
    if (c)
        return c;
    c = mem_zalloc(sizeof(*c));
    c->e = e;
    c->name = mem_strdup(name);
    c->id = channel_id(e, name);
    HASH_ADD_KEYPTR(hh, e->channels, c->name, strlen(c->name), c);
    return c;
}

static struct outbox_channel channel_row(struct engine *e, const struct channel *c)
{
    const struct notify_opts *o = notify_opts(c->item);
    struct channel *fallback = o->fallback ? channel_by_name(e, o->fallback) : NULL;
    int64_t rate = o->rate > 0 ? o->rate : c->tell->rate;
    return (struct outbox_channel){.id = c->id,
                                   .fallback = fallback && fallback->item ? fallback->id : 0,
                                   .limit = {.interval = {DUR_S(60).ns / rate},
                                             .burst = o->burst > 0 ? o->burst : c->tell->burst}};
}

static void drop_channels(struct engine *e)
{
    struct channel *c, *next;
    HASH_ITER(hh, e->channels, c, next)
    {
        if (c->item)
            continue;
        HASH_DEL(e->channels, c);
        resend_free(c);
        free(c->name);
        free(c);
    }
}

void bind_channels(struct engine *e)
{
    VEC(struct outbox_channel) rows = VEC_INIT;
    struct channel *c, *next;
    e->notifiers.n = 0;
    HASH_ITER(hh, e->channels, c, next)
    c->item = NULL;
    VEC_EACH (&e->gen->conf->items, i) {
        const struct item *it = e->gen->conf->items.v[i];
        if (it->family != &family_notify)
            continue;
        c = channel_make(e, it->name);
        c->item = it;
        c->tell = tell_of(it);
        c->next_resend = c->tell->resend.ns ? engine_now(e) : WALL_NEVER;
        VEC_PUSH(&e->notifiers, c);
    }
    drop_channels(e);
    HASH_ITER(hh, e->channels, c, next)
    VEC_PUSH(&rows, channel_row(e, c));
    outbox_channels(&e->outbox, rows.v, rows.n, &e->out);
    VEC_FINI(&rows);
}

/* ---- what an alert tells ---- */

static void add_channel(struct alert *a, const struct channel *c)
{
    if (c && c->item && a->spec.nchannels < LIFE_CHANNELS)
        a->channels[a->spec.nchannels++] = c->id;
}

/* The notifiers in the order of the configuration. */
static void add_all(struct engine *e, struct alert *a, const char *but)
{
    VEC_EACH (&e->notifiers, i) {
        const struct channel *c = e->notifiers.v[i];
        if (notify_opts(c->item)->severity <= a->severity && !(but && strcmp(but, c->name) == 0))
            add_channel(a, c);
    }
}

static void add_named(struct engine *e, struct alert *a, const struct str_list *names)
{
    for (size_t i = 0; i < names->n; i++) {
        struct channel *c = channel_by_name(e, names->v[i]);
        if (c && c->item && notify_opts(c->item)->severity <= a->severity)
            add_channel(a, c);
    }
}

/* That a notifier is broken goes to its fallback, or to all others. */
static void add_others(struct engine *e, struct alert *a)
{
    const struct notify_opts *o = notify_opts(a->item);
    if (o->fallback)
        add_channel(a, channel_by_name(e, o->fallback));
    else
        add_all(e, a, a->item->name);
}

void bind_spec(struct engine *e, struct alert *a)
{
    a->spec.channels = a->channels;
    a->spec.nchannels = 0;
    a->spec_severity = a->severity;
    if (!a->known)
        return;
    const struct item *conf = a->origin == FROM_NODATA ? a->of->item : a->item;
    if (a->cert && !sect_given(family_alert.rows, conf->common, "repeat"))
        a->spec.repeat = (dur_t){alert_repeat(a->severity)};
    if (a->origin == FROM_CHANNEL)
        add_others(e, a);
    else if (a->origin == FROM_STORM || alert_opts(conf)->notify_all)
        add_all(e, a, NULL);
    else
        add_named(e, a, &alert_opts(conf)->notify);
}

/* ---- alerts ---- */

#define INTERVAL_MAX DUR_S(15)
#define NODATA_LEAST DUR_S(120)

/* Metrics are judged in steps of their cells; probes as they come, and now and then. */
static dur_t interval_of(const struct engine *e, const struct alert *a)
{
    const char *about = a->rule->about(a->item);
    const struct item *m = NULL;
    if (a->rule->subject == SUBJECT_METRIC && about)
        m = agentgen_item(e->gen, &family_metric, about);
    return m && metric_opts(m)->cell < INTERVAL_MAX.ns ? (dur_t){metric_opts(m)->cell}
                                                       : INTERVAL_MAX;
}

/* Three intervals of what says something: of a probe that is its own. */
static dur_t nodata_after(const struct engine *e, const struct alert *a)
{
    int64_t given = alert_opts(a->item)->nodata_after, ns = a->interval.ns;
    const struct item *probe = NULL;
    if (given >= 0)
        return (dur_t){given};
    if (a->rule->subject == SUBJECT_PROBE)
        probe = agentgen_item(e->gen, &family_probe, a->rule->about(a->item));
    if (probe && probe_opts(probe)->interval > ns)
        ns = probe_opts(probe)->interval;
    return 3 * ns > NODATA_LEAST.ns ? (dur_t){3 * ns} : NODATA_LEAST;
}

static struct life_spec conf_spec(const struct engine *e, const struct alert *a)
{
    const struct alert_opts *o = alert_opts(a->item);
    struct life_spec s = {.hold_for = {o->hold_for},
                          .keep_firing = {o->keep_firing},
                          .nodata_after = nodata_after(e, a),
                          .repeat = {o->repeat}};
    if (a->item->kind != &alert_kind_cert)
        return s;
    /* a certificate does not run out for a moment, and a renewed one stays */
    if (!sect_given(family_alert.rows, o, "for"))
        s.hold_for = (dur_t){0};
    if (!sect_given(family_alert.rows, o, "keep_firing"))
        s.keep_firing = (dur_t){0};
    if (a->origin == FROM_CERT) /* that of the section says it for all */
        s.nodata_after = (dur_t){0};
    return s;
}

/* The program that it is about: its own program=, or what its probe or metric belongs to. */
static const char *program_of(const struct engine *e, const struct alert *a)
{
    const char *about = a->rule->about(a->item);
    const struct item *it = NULL;
    if (alert_opts(a->item)->program)
        return alert_opts(a->item)->program;
    if (a->rule->subject == SUBJECT_PROGRAM)
        return about;
    if (a->rule->subject == SUBJECT_PROBE) {
        it = agentgen_item(e->gen, &family_probe, about);
        return it ? probe_opts(it)->program : NULL;
    }
    it = agentgen_item(e->gen, &family_metric, about);
    if (it && it->kind == &metric_kind_lines)
        return ((const struct metric_lines *)it->own)->program;
    if (it && it->kind == &metric_kind_exits)
        return ((const struct metric_exits *)it->own)->program;
    return NULL;
}

/* What may explain it. That a certificate runs out has no cause. */
static uint32_t node_of(const struct engine *e, const struct alert *a)
{
    const char *about = a->rule->about(a->item);
    if (a->item->kind == &alert_kind_cert)
        return SUPPRESS_NONE;
    if (a->rule->subject == SUBJECT_PROBE)
        return node_find(e, 'b', about);
    const struct item *it =
        a->rule->subject == SUBJECT_METRIC ? agentgen_item(e->gen, &family_metric, about) : NULL;
    if (it && it->kind == &metric_kind_probe)
        return node_find(e, 'b', ((const struct metric_probe *)it->own)->probe);
    return a->program ? node_find(e, 'p', a->program) : SUPPRESS_NONE;
}

/* Everything that silences match; the place of the severity is filled in when it is known. */
static void set_labels(struct alert *a, const char *type, const struct str_list *own)
{
    size_t n = own ? own->n : 0;
    const char **v = arena_alloc(a->a, (n + ALERT_LABELS + 2) * sizeof(*v));
    if (a->program) /* its end may be told when its generation is gone */
        a->program = arena_strdup(a->a, a->program);
    v[0] = "severity=";
    v[1] = arena_printf(a->a, "alertname=%s", a->name);
    v[2] = arena_printf(a->a, "type=%s", type);
    v[3] = arena_printf(a->a, "program=%s", a->program ? a->program : "");
    for (size_t i = 0; i < n; i++)
        v[ALERT_LABELS + i] = arena_strdup(a->a, own->v[i]);
    n += ALERT_LABELS;
    if (a->cert) { /* two of them are two alerts to everybody who goes by labels */
        v[n++] = arena_printf(a->a, "certificate=%s", a->cert->subject);
        v[n++] = arena_printf(a->a, "fingerprint=%s", a->cert->fingerprint);
    }
    a->labels = (struct str_list){v, n};
}

static struct alert *claim(struct engine *e, enum alert_origin origin, const char *name,
                           const char *which, const struct str_list *labels)
{
    char key[ALERT_KEY];
    engine_alert_key(e, origin, name, which, labels, key);
    struct alert *a = engine_alert_make(e, origin, name, key);
    arena_free(&a->a);
    a->a = arena_new();
    a->origin = origin;
    a->known = true;
    a->node = SUPPRESS_NONE;
    a->program = NULL;
    return a;
}

/* It may outlive the generation, until its end was told. */
static const char *own_text(struct alert *a, const char *text)
{
    return text ? arena_strdup(a->a, text) : NULL;
}

/* After a restart, until it is found out anew. */
static void first_text(struct alert *a, const char *text)
{
    if (!a->ev.text[0] && life_firing(&a->life))
        snprintf(a->ev.text, sizeof(a->ev.text), "%s", text);
}

static void bind_nodata(struct engine *e, struct alert *of)
{
    const struct alert_opts *o = alert_opts(of->item);
    struct alert *a = claim(e, FROM_NODATA, of->name, NULL, &o->labels);
    a->of = of;
    of->nodata = a;
    a->item = of->item;
    a->program = own_text(a, of->program);
    a->node = of->node;
    a->severity = life_nodata_severity((enum severity)o->severity);
    a->spec = life_nodata_spec(&of->spec);
    set_labels(a, "nodata", &o->labels);
    first_text(a, "as before supd-agent began");
}

/* What alerts FROM_CONF and FROM_CERT take from their section. */
static void bind_item(struct engine *e, struct alert *a, const struct item *it, size_t place)
{
    const struct alert_opts *o = alert_opts(it);
    a->item = it;
    a->rule = rule_of(it->kind);
    a->place = place;
    a->program = own_text(a, program_of(e, a));
    a->node = node_of(e, a);
    a->interval = interval_of(e, a);
    a->spec = conf_spec(e, a);
    if (a->life.state == LIFE_OK || a->origin == FROM_CONF)
        a->severity = (enum severity)o->severity;
    else
        a->severity = (enum severity)a->life.severity;
    set_labels(a, it->kind->name, &o->labels);
}

static void bind_alert(struct engine *e, const struct item *it, size_t place)
{
    struct alert *a = claim(e, FROM_CONF, it->name, NULL, &alert_opts(it)->labels);
    bind_item(e, a, it, place);
    bind_nodata(e, a);
    a->nodata->place = place;
}

struct alert *bind_cert(struct engine *e, struct alert *base, const struct seen_cert *c)
{
    const struct item *it = base->item;
    struct alert *a = claim(e, FROM_CERT, it->name, c->fingerprint, &alert_opts(it)->labels);
    if (!a->cert)
        a->cert = seen_cert_new(c->fingerprint, c->subject, c->where);
    bind_item(e, a, it, base->place);
    bind_spec(e, a);
    first_text(a, "as before supd-agent began");
    e->unsorted = true;
    e->unlinked = true;
    return a;
}

static void bind_refusal(struct engine *e, struct channel *c, size_t place)
{
    struct str name = STR_INIT;
    str_printf(&name, "notify:%s", c->name);
    struct alert *a = claim(e, FROM_CHANNEL, str_text(&name), NULL, NULL);
    str_fini(&name);
    a->item = c->item;
    a->place = place;
    a->severity = SEV_CRITICAL;
    a->spec = (struct life_spec){.repeat = DUR_S(86400)};
    c->refusal = a;
    first_text(a, "the notifier takes nothing any more");
    set_labels(a, "notifier", NULL);
    VEC_EACH (&e->outbox.channels, i) {
        if (e->outbox.channels.v[i].id == c->id)
            e->outbox.channels.v[i].refused = life_firing(&a->life);
    }
}

static void bind_storm(struct engine *e, size_t place)
{
    struct alert *a = claim(e, FROM_STORM, "storm", NULL, NULL);
    a->place = place;
    a->severity = life_firing(&a->life) ? (enum severity)a->life.severity : SEV_INFO;
    /* a moment, for those that come together */
    a->spec = (struct life_spec){.hold_for = DUR_S(5), .repeat = DUR_S(4 * 3600)};
    set_labels(a, "storm", NULL);
    e->storm_alert = a;
}

static int by_place(const void *x, const void *y)
{
    const struct alert *a = *(struct alert *const *)x, *b = *(struct alert *const *)y;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    if (a->origin != b->origin)
        return (int)a->origin - (int)b->origin;
    int r = a->cert && b->cert ? strcmp(a->cert->subject, b->cert->subject) : 0;
    return r ? r : strcmp(a->key, b->key);
}

void bind_sort(struct engine *e)
{
    e->unsorted = false;
    if (e->order.n)
        qsort(e->order.v, e->order.n, sizeof(e->order.v[0]), by_place);
}

void bind_gone(struct engine *e, struct alert *a)
{
    a->known = false;
    a->item = NULL;
    a->rule = NULL;
    a->of = a->nodata = NULL;
    a->node = SUPPRESS_NONE;
    a->next_eval = WALL_NEVER;
    a->spec = (struct life_spec){.channels = a->channels};
    a->place = SIZE_MAX;
    a->ev = (struct evaluation){.cond = COND_FALSE};
    snprintf(a->ev.text, sizeof(a->ev.text), "it is not in the configuration any more");
    alert_step(e, a, &(struct life_event){.kind = LIFE_END});
    alert_settle(e, a);
}

void bind_links(struct engine *e)
{
    struct probe_state *p, *next;
    if (!e->unlinked)
        return;
    e->unlinked = false;
    HASH_ITER(hh, e->probes, p, next)
    p->alerts = NULL;
    e->node_alerts.n = 0;
    while (e->node_alerts.n < e->node_names.n)
        VEC_PUSH(&e->node_alerts, NULL);
    for (size_t i = e->order.n; i-- > 0;) {
        struct alert *a = e->order.v[i];
        if (!alert_judged(a) || !a->known)
            continue;
        if (a->rule->subject == SUBJECT_PROBE) {
            p = facts_probe(e, a->rule->about(a->item), true);
            a->next_of_probe = p->alerts;
            p->alerts = a;
        }
        if (a->node != SUPPRESS_NONE) {
            a->next_of_node = e->node_alerts.v[a->node];
            e->node_alerts.v[a->node] = a;
        }
    }
}

void bind_alerts(struct engine *e)
{
    size_t place = 0;
    struct channel *c, *next;
    VEC_EACH (&e->order, i) {
        e->order.v[i]->known = false;
        e->order.v[i]->of = e->order.v[i]->nodata = NULL;
    }
    VEC_EACH (&e->gen->conf->items, i) {
        if (e->gen->conf->items.v[i]->family == &family_alert)
            bind_alert(e, e->gen->conf->items.v[i], place++);
    }
    HASH_ITER(hh, e->channels, c, next)
    bind_refusal(e, c, place++);
    bind_storm(e, place);
    certs_bind(e);
    e->unlinked = true;
    VEC_EACH (&e->order, i) {
        if (e->order.v[i]->known)
            bind_spec(e, e->order.v[i]);
        else
            bind_gone(e, e->order.v[i]);
    }
    bind_sort(e);
}

/* ---- causes ---- */

#define NODE_NAME 1000

uint32_t node_find(const struct engine *e, char kind, const char *name)
{
    struct node *n = NULL;
    char key[NODE_NAME + 2];
    int len = snprintf(key, sizeof(key), "%c%s", kind, name);
    if (len < (int)sizeof(key))
        HASH_FIND_STR(e->nodes, key, n);
    return n ? n->id : SUPPRESS_NONE;
}

static uint32_t node_make(struct engine *e, char kind, const char *name)
{
    uint32_t id = node_find(e, kind, name);
    if (id != SUPPRESS_NONE || strlen(name) > NODE_NAME)
        return id;
    struct node *n = mem_zalloc(sizeof(*n));
    struct str key = STR_INIT;
    str_printf(&key, "%c%s", kind, name);
    n->name = str_take(&key);
    n->id = suppress_node(&e->suppress, kind == 'b');
    HASH_ADD_KEYPTR(hh, e->nodes, n->name, strlen(n->name), n);
    VEC_PUSH(&e->node_names, n->name);
    return n->id;
}

static void edge(struct engine *e, uint32_t child, uint32_t parent)
{
    if (child != SUPPRESS_NONE && parent != SUPPRESS_NONE && child != parent)
        suppress_edge(&e->suppress, child, parent);
}

static void depends(struct engine *e, uint32_t child, const struct str_list *on)
{
    for (size_t i = 0; i < on->n; i++)
        edge(e, child, node_make(e, 'p', on->v[i]));
}

/* A program that has several processes has the same dependencies in each: once is enough. */
static void bind_programs(struct engine *e)
{
    for (size_t i = 0; i < e->gen->nprocs; i++) {
        const struct agent_proc *p = &e->gen->procs[i], *before = i ? p - 1 : NULL;
        bool again = before && strcmp(before->program, p->program) == 0 &&
                     strcmp(before->group, p->group) == 0;
        if (again)
            continue;
        depends(e, node_make(e, 'p', p->program), &p->depends);
        if (strcmp(p->group, p->program) != 0)
            depends(e, node_make(e, 'p', p->group), &p->depends);
    }
}

/* What the program of a probe depends on, the probe depends on. */
static void probe_program(struct engine *e, uint32_t node, const char *program)
{
    for (size_t i = 0; i < e->gen->nprocs; i++) {
        const struct agent_proc *p = &e->gen->procs[i];
        if (strcmp(p->program, program) == 0 || strcmp(p->group, program) == 0) {
            depends(e, node, &p->depends);
            return;
        }
    }
}

static void bind_probes(struct engine *e)
{
    VEC_EACH (&e->gen->conf->items, i) {
        const struct item *it = e->gen->conf->items.v[i];
        if (it->family != &family_probe)
            continue;
        const struct probe_opts *o = probe_opts(it);
        uint32_t node = node_make(e, 'b', it->name);
        if (o->parent)
            edge(e, node, node_make(e, 'b', o->parent));
        if (o->program)
            probe_program(e, node, o->program);
    }
}

void bind_nodes(struct engine *e)
{
    struct node *n, *next;
    HASH_ITER(hh, e->nodes, n, next)
    {
        HASH_DEL(e->nodes, n);
        free(n->name);
        free(n);
    }
    e->node_names.n = 0;
    suppress_fini(&e->suppress);
    memset(&e->suppress, 0, sizeof(e->suppress));
    bind_programs(e);
    bind_probes(e);
}
