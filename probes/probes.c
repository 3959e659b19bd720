/* All probes of a generation. */
#include "probes/probes.h"
#include "probes/drivers.h"
#include "probes/env.h"
#include "probes/probe.h"

#include <stdlib.h>
#include <string.h>

struct probes {
    struct driver_env *env;
    probes_event_fn *fn;
    void *obj;
    struct probe *by_name;
    VEC(struct probe *) order; /* as the generation has them */
    dur_t settle;              /* before the first attempts */
};

/* What very many probes keep the agent busy with when they come, each: their first attempts begin
 * after that, so that none is late. */
#define SETTLE_NS 200000

/* ---- events ---- */

static void emit(struct probes *ps, struct probe *p, struct probe_event ev)
{
    struct probe_view view;
    probe_view(p, &view);
    ev.probe = &view;
    ev.keep = ev.kind != PROBE_REMOVED && saved_news(p);
    ps->fn(ps->obj, &ev);
}

static void on_result(void *obj, struct probe *p, const struct verdict *v, bool counted)
{
    emit(obj, p, (struct probe_event){.kind = PROBE_RESULT, .verdict = v, .counted = counted});
}

static void on_changed(void *obj, struct probe *p, enum sched_state before, const struct verdict *v)
{
    emit(obj, p, (struct probe_event){.kind = PROBE_CHANGED, .verdict = v, .before = before});
}

static struct probe *find(const struct probes *ps, const char *name)
{
    struct probe *p;
    HASH_FIND_STR(ps->by_name, name, p);
    return p;
}

/* The parent may explain it: it is asked at once, unless it has just been. */
static void on_first_failure(void *obj, struct probe *p)
{
    struct probes *ps = obj;
    const char *name = probe_opts(p->item)->parent;
    struct probe *up = name ? find(ps, name) : NULL;
    mono_t now = loop_now(ps->env->loop);
    if (up && (!up->sched.runs || mono_sub(now, up->sched.started).ns >= up->conf.confirm))
        probe_run(up);
}

static const struct probe_ops ops = {on_result, on_changed, on_first_failure};

/* ---- generations ---- */

struct probes *probes_new(struct driver_env *env, probes_event_fn *fn, void *obj)
{
    struct probes *ps = mem_zalloc(sizeof(*ps));
    ps->env = env;
    ps->fn = fn;
    ps->obj = obj;
    return ps;
}

static void drop(struct probes *ps, struct probe *p, bool tell)
{
    HASH_DEL(ps->by_name, p);
    if (tell)
        emit(ps, p, (struct probe_event){.kind = PROBE_REMOVED});
    probe_free(&p);
}

void probes_free(struct probes **pp)
{
    struct probes *ps = *pp;
    struct probe *p, *next;
    if (!ps)
        return;
    ps->order.n = 0;
    HASH_ITER(hh, ps->by_name, p, next)
    drop(ps, p, false);
    VEC_FINI(&ps->order);
    free(ps);
    *pp = NULL;
}

static struct probe *add(struct probes *ps, const struct item *it)
{
    struct probe *p = probe_new(ps->env, it, &ops, ps);
    probe_delay(p, ps->settle);
    HASH_ADD_KEYPTR(hh, ps->by_name, p->name, strlen(p->name), p);
    emit(ps, p, (struct probe_event){.kind = PROBE_ADDED});
    return p;
}

/* The probe for an item: the one there is, if nothing changed, or a new one. */
static struct probe *take(struct probes *ps, const struct item *it)
{
    struct probe *p = find(ps, it->name);
    if (p && item_same(p->item, it)) {
        probe_rebind(p, it);
        return p;
    }
    if (p)
        drop(ps, p, true);
    return add(ps, it);
}

static size_t count(const struct agentgen *g)
{
    size_t n = 0;
    for (size_t i = 0; g && i < g->conf->items.n; i++)
        n += g->conf->items.v[i]->family == &family_probe;
    return n;
}

void probes_apply(struct probes *ps, const struct agentgen *g)
{
    struct probe *p, *next;
    /* behind the clock of the turn: very many take a while to be read */
    dur_t behind = mono_sub(mono_now(), loop_now(ps->env->loop));
    ps->settle = (dur_t){(int64_t)count(g) * SETTLE_NS + behind.ns};
    VEC_EACH (&ps->order, i)
        ps->order.v[i]->kept = false;
    ps->order.n = 0;
    for (size_t i = 0; g && i < g->conf->items.n; i++) {
        const struct item *it = g->conf->items.v[i];
        if (it->family != &family_probe)
            continue;
        p = take(ps, it);
        p->kept = true;
        VEC_PUSH(&ps->order, p);
    }
    HASH_ITER(hh, ps->by_name, p, next)
    {
        if (!p->kept)
            drop(ps, p, true);
    }
}

size_t probes_check(const struct agentgen *g, probes_error_fn *fn, void *obj)
{
    size_t errors = 0;
    for (size_t i = 0; i < g->conf->items.n; i++) {
        const struct item *it = g->conf->items.v[i];
        const struct driver *d = it->family == &family_probe ? driver_of(it->kind) : NULL;
        struct err e;
        if (!d || !d->check || d->check(it, &e) == 0)
            continue;
        errors++;
        fn(obj, it, e.msg);
    }
    return errors;
}

/* ---- what is asked for ---- */

void probes_program_started(struct probes *ps, const char *program)
{
    VEC_EACH (&ps->order, i) {
        const char *of = probe_opts(ps->order.v[i]->item)->program;
        if (of && strcmp(of, program) == 0)
            probe_program_started(ps->order.v[i]);
    }
}

bool probes_run(struct probes *ps, const char *name, probe_run_fn *done, void *obj)
{
    struct probe *p = find(ps, name);
    if (!p)
        return false;
    if (done)
        VEC_PUSH(&p->waiters, (struct probe_waiter){done, obj});
    probe_run(p);
    return true;
}

void probes_forget(struct probes *ps, const void *obj)
{
    VEC_EACH (&ps->order, i) {
        struct probe *p = ps->order.v[i];
        size_t n = 0;
        VEC_EACH (&p->waiters, j) {
            if (p->waiters.v[j].obj != obj)
                p->waiters.v[n++] = p->waiters.v[j];
        }
        p->waiters.n = n;
    }
}

size_t probes_count(const struct probes *ps)
{
    return ps->order.n;
}

bool probes_view(const struct probes *ps, size_t i, struct probe_view *out)
{
    if (i >= ps->order.n)
        return false;
    probe_view(ps->order.v[i], out);
    return true;
}

bool probes_find(const struct probes *ps, const char *name, struct probe_view *out)
{
    const struct probe *p = find(ps, name);
    if (p)
        probe_view(p, out);
    return p;
}

void probes_save(const struct probes *ps, const char *name, struct str *out)
{
    const struct probe *p = find(ps, name);
    if (p)
        saved_write(p, out);
}

bool probes_restore(struct probes *ps, const char *name, const void *bytes, size_t n, dur_t age)
{
    struct probe *p = find(ps, name);
    if (!p || !saved_read(p, bytes, n, age))
        return false;
    emit(ps, p, (struct probe_event){.kind = PROBE_RESTORED});
    return true;
}
