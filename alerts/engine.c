/* The engine's life: made, fed with generations, woken, ended. */
#include "alerts/engine_impl.h"
#include "supervisor/base/log.h"
#include "supervisor/io/pattern.h"

#include <string.h>

/* ---- the clock ---- */

wall_t engine_now(const struct engine *e)
{
    return wall_add(e->wall0, mono_sub(loop_now(e->loop), e->mono0));
}

/* How far the wall clock has been set since the start; what is less than two seconds is no matter,
 * and would only make stamps of the same thing differ. */
static dur_t drift(const struct engine *e)
{
    dur_t d = wall_sub(wall_now(), engine_now(e));
    return d.ns > DUR_S(2).ns || d.ns < DUR_S(-2).ns ? d : (dur_t){0};
}

wall_t engine_shown(const struct engine *e, wall_t t)
{
    return t.ns ? wall_add(t, drift(e)) : t;
}

wall_t engine_taken(const struct engine *e, wall_t t)
{
    return t.ns ? wall_add(t, (dur_t){-drift(e).ns}) : t;
}

/* ---- the turn ---- */

void engine_later(struct engine *e)
{
    if (!e->ending)
        loop_defer(e->loop, &e->turn);
}

void engine_at(struct engine *e, wall_t at)
{
    wall_t first = wall_min(e->wake, at);
    if (first.ns == e->wake.ns)
        return;
    e->wake = first;
    engine_later(e);
}

static wall_t deadline(struct engine *e)
{
    wall_t now = engine_now(e);
    if (e->outbox_moved || wall_reached(e->outbox_due, now)) {
        e->outbox_moved = false;
        e->outbox_due = outbox_deadline(&e->outbox, now);
    }
    wall_t at = wall_min(e->wake, e->outbox_due);
    at = wall_min(at, gate_deadline(e));
    at = wall_min(at, resend_deadline(e));
    return wall_min(at, store_deadline(e));
}

static void set_timer(struct engine *e)
{
    wall_t at = deadline(e);
    dur_t in = wall_sub(at, engine_now(e));
    mono_t now = loop_now(e->loop);
    e->due = at.ns ? mono_add(now, in.ns > 0 ? in : (dur_t){0}) : MONO_NEVER;
    loop_timer_at(&e->timer, e->due);
}

/* A copy for a fallback makes a debt only when it arrives. */
static bool has_rows(const struct engine *e, const struct alert *a)
{
    VEC_EACH (&e->outbox.rows, i) {
        if (strcmp(e->outbox.rows.v[i].key, a->key) == 0)
            return true;
    }
    return false;
}

/* An alert that is gone has done its work when nobody is owed its end, nor will be. */
static bool is_done(const struct engine *e, const struct alert *a)
{
    if (a->known)
        return false;
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        if (a->life.ch[i].id && (a->life.ch[i].open || a->life.ch[i].on_way))
            return false;
    }
    return a->life.state == LIFE_OK && !has_rows(e, a);
}

static void alert_free(struct alert *a)
{
    seen_cert_free(&a->cert);
    arena_free(&a->a);
    free(a->acked_reason);
    free(a->name);
    free(a);
}

static void sweep(struct engine *e)
{
    size_t n = 0;
    e->sweep = false;
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        if (!is_done(e, a)) {
            e->order.v[n++] = a;
            continue;
        }
        store_alert_gone(e, a);
        e->unlinked = true;
        HASH_DEL(e->alerts, a);
        alert_free(a);
    }
    e->order.n = n;
}

/* The end of a turn in which something happened. */
static void on_turn(struct engine *e)
{
    if (e->ready) {
        outbox_drain(e);
        send_pump(e);
        gate_run_probes(e);
        if (e->unsorted)
            bind_sort(e);
        if (e->sweep)
            sweep(e);
        store_flush(e);
        send_begin(e);
        set_timer(e);
    }
}

/* Stopped, or its cgroup was frozen: far more than a busy machine delays a timer. */
#define STOOD_STILL DUR_S(1)

/* What it was to see may have been lost, and what was not comes all at once: from its timer on
 * nothing is known, and no time passed for what waits. */
void engine_forgive(struct engine *e)
{
    mono_t now = loop_now(e->loop);
    dur_t late = mono_sub(now, e->due);
    if (!e->due.ns || late.ns <= STOOD_STILL.ns)
        return;
    log_info("alerts: supd-agent stood still for %.1f s; that time does not count",
             (double)late.ns / 1e9);
    feed_gap(e->feed, e->due, now);
    e->due = now;
    VEC_EACH (&e->order, i)
        life_stood_still(&e->order.v[i]->life, late);
}

static void on_timer(struct engine *e)
{
    engine_forgive(e);
    e->wake = WALL_NEVER;
    gate_time(e);
    if (!eval_due(e))
        engine_at(e, engine_now(e));
    resend_due(e);
    store_windows(e);
    engine_later(e);
}

/* ---- alerts and channels by what they are called ---- */

void engine_alert_key(const struct engine *e, enum alert_origin origin, const char *name,
                      const char *which, const struct str_list *labels, char key[ALERT_KEY])
{
    static const char *const instance[ALERT_ORIGINS] = {
        [FROM_NODATA] = "nodata", [FROM_CHANNEL] = "notifier", [FROM_STORM] = "storm"};
    alert_key(&(struct key_parts){e->host, name, which ? which : instance[origin], labels}, key);
}

struct alert *engine_find(struct engine *e, const char *key)
{
    struct alert *a;
    HASH_FIND_STR(e->alerts, key, a);
    return a;
}

struct alert *engine_alert_make(struct engine *e, enum alert_origin origin, const char *name,
                                const char *key)
{
    struct alert *a = engine_find(e, key);
    if (a)
        return a;
    a = mem_zalloc(sizeof(*a));
    a->origin = origin;
    a->name = mem_strdup(name);
    memcpy(a->key, key, strnlen(key, ALERT_KEY - 1));
    a->node = SUPPRESS_NONE;
    HASH_ADD_STR(e->alerts, key, a);
    VEC_PUSH(&e->order, a);
    return a;
}

struct channel *engine_channel(struct engine *e, uint32_t id)
{
    struct channel *c, *next;
    HASH_ITER(hh, e->channels, c, next)
    {
        if (c->id == id)
            return c;
    }
    return NULL;
}

/* ---- life ---- */

struct engine *engine_new(const struct engine_env *env, const struct engine_ops *ops, void *obj)
{
    struct engine *e = mem_zalloc(sizeof(*e));
    e->env = env->send;
    e->host = mem_strdup(env->host ? env->host : "");
    e->ops = ops;
    e->obj = obj;
    e->loop = env->send->loop;
    e->wall0 = wall_now();
    e->mono0 = mono_now(); /* not the turn's: stamps would lie ahead of the wall clock */
    e->loaded = true;      /* until there is a store */
    e->feed = feed_new();
    e->batch = 1;
    rng_seed(&e->outbox.rng, env->seed ? env->seed : rng_entropy());
    e->ids.instance = rng_next(&e->outbox.rng);
    str_init(&e->saved_windows, 0);
    LOOP_TIMER(&e->timer, e->loop, on_timer, e);
    LOOP_DEFER(&e->turn, on_turn, e);
    return e;
}

void engine_use_store(struct engine *e, struct store *s)
{
    e->store = s;
    e->loaded = false;
}

void engine_loaded(void *engine, const struct store_loaded *r)
{
    struct engine *e = engine;
    if (r->failed) {
        log_error("alerts: nothing can be written down: %s; states, silences and notices that "
                  "wait are lost when supd-agent ends",
                  r->failed->msg);
        e->store = NULL;
    } else {
        if (r->note)
            log_warn("alerts: %s", r->note);
        store_restore(e, r->records, r->n);
        if (e->ops->restored)
            e->ops->restored(e->obj);
    }
    e->loaded = true;
    if (e->gen)
        engine_begin(e);
}

static void restore_windows(struct engine *e)
{
    struct err er;
    const struct str *s = &e->saved_windows;
    if (s->len && feed_restore(e->feed, s->s, s->len, loop_now(e->loop), engine_now(e), &er) < 0)
        log_warn("alerts: the metrics' windows begin anew: %s", er.msg);
    str_fini(&e->saved_windows);
}

void engine_begin(struct engine *e)
{
    e->ready = true;
    restore_windows(e);
    facts_prune(e);
    bind_channels(e);
    bind_nodes(e);
    facts_to_nodes(e);
    bind_alerts(e);
    e->sweep = true;
    e->outbox_moved = true;
    e->next_windows = engine_now(e); /* from now on an end at any moment loses no exit */
    eval_all_soon(e);
    engine_at(e, engine_now(e));
    engine_later(e);
}

int engine_apply(struct engine *e, const struct agentgen *g, struct err *er)
{
    if (feed_load(e->feed, g, loop_now(e->loop), er) < 0)
        return -1;
    send_cancel_all(e, true);
    e->gen = g;
    if (e->loaded)
        engine_begin(e);
    return 0;
}

static void free_all(struct engine *e)
{
    struct alert *a, *next_a;
    struct channel *c, *next_c;
    struct payload *p, *next_p;
    HASH_ITER(hh, e->alerts, a, next_a)
    {
        HASH_DEL(e->alerts, a);
        alert_free(a);
    }
    HASH_ITER(hh, e->channels, c, next_c)
    {
        HASH_DEL(e->channels, c);
        resend_free(c);
        free(c->name);
        free(c);
    }
    HASH_ITER(hh, e->payloads, p, next_p)
    payload_free(e, p);
    struct node *n, *next_n;
    HASH_ITER(hh, e->nodes, n, next_n)
    {
        HASH_DEL(e->nodes, n);
        free(n->name);
        free(n);
    }
    VEC_EACH (&e->to_probe, i)
        free(e->to_probe.v[i]);
    VEC_FINI(&e->to_probe);
    VEC_FINI(&e->node_names);
    VEC_FINI(&e->node_alerts);
    VEC_FINI(&e->notifiers);
    VEC_FINI(&e->order);
}

void engine_free(struct engine **ep)
{
    struct engine *e = *ep;
    *ep = NULL;
    if (!e)
        return;
    e->ending = true;
    if (e->ready) {
        outbox_drain(e);
        store_end(e);
    }
    send_cancel_all(e, false);
    loop_timer_stop(&e->timer);
    loop_defer_cancel(e->loop, &e->turn);
    free_all(e);
    facts_free(e);
    feed_free(&e->feed);
    outbox_fini(&e->outbox);
    outbox_out_fini(&e->out);
    silences_fini(&e->silences);
    suppress_fini(&e->suppress);
    suppress_verdict_fini(&e->verdict);
    str_fini(&e->saved_windows);
    free(e->host);
    free(e);
}

struct feed *engine_feed(struct engine *e)
{
    return e->feed;
}

/* ---- what the load child cannot check ---- */

static size_t check_pattern(const struct item *it, const char *option, const char *text,
                            engine_error_fn *fn, void *obj)
{
    struct err er;
    struct pattern *p = text ? pattern_new(text, &er) : NULL;
    bool ok = p || !text;
    pattern_free(&p);
    if (ok)
        return 0;
    err_prefix(&er, "%s", option);
    fn(obj, it, er.msg);
    return 1;
}

size_t engine_check(const struct agentgen *g, engine_error_fn *fn, void *obj)
{
    size_t n = 0;
    VEC_EACH (&g->conf->items, i) {
        const struct item *it = g->conf->items.v[i];
        if (it->family != &family_metric || it->kind != &metric_kind_lines)
            continue;
        const struct metric_lines *o = it->own;
        n += check_pattern(it, "total", o->total, fn, obj);
        n += check_pattern(it, "errors", o->errors, fn, obj);
    }
    return n;
}
