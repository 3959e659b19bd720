/* One probe: does what its schedule says. */
#include "probes/probe.h"
#include "probes/drivers.h"
#include "probes/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sched_now probe_now(const struct loop *l)
{
    struct timespec boot, mono;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    int64_t asleep =
        (int64_t)(boot.tv_sec - mono.tv_sec) * 1000000000 + boot.tv_nsec - mono.tv_nsec;
    return (struct sched_now){.now = loop_now(l), .wall = wall_now(), .asleep = {asleep}};
}

static struct sched_conf conf_of(const struct item *item)
{
    const struct probe_opts *o = probe_opts(item);
    return (struct sched_conf){.interval = o->interval,
                               .timeout = o->timeout,
                               .confirm = o->confirm,
                               .start_period = o->start_period,
                               .phase = sched_phase(item->name, o->interval),
                               .fall = (unsigned)o->fall,
                               .rise = (unsigned)o->rise};
}

static void on_done(void *obj, const struct verdict *v);

static void start(struct probe *p)
{
    struct attempt_request rq = {.env = p->env,
                                 .item = p->item,
                                 .held = &p->held,
                                 .run = p->sched.runs,
                                 .deadline = p->sched.due,
                                 .done = on_done,
                                 .obj = p};
    if (p->sched.late.ns > p->late_max_ns)
        p->late_max_ns = p->sched.late.ns;
    p->attempt = p->driver->start(&rq);
}

/* Tells those who asked for a run; they may ask again. */
static void tell_waiters(struct probe *p, const struct verdict *v)
{
    struct probe_view view;
    __typeof__(p->waiters) w = p->waiters;
    p->waiters.v = NULL;
    p->waiters.n = p->waiters.cap = 0;
    if (w.n)
        probe_view(p, &view);
    VEC_EACH (&w, i)
        w.v[i].done(w.v[i].obj, &view, v);
    VEC_FINI(&w);
}

/* One step of the schedule, and what it asks for but reports. */
static unsigned step(struct probe *p, enum sched_event ev, enum verdict_status result)
{
    struct sched_now t = probe_now(p->env->loop);
    unsigned todo = sched_step(&p->sched, &p->conf, ev, &t, result);
    if (todo & SCHED_CANCEL)
        p->driver->cancel(&p->attempt);
    if (todo & SCHED_START)
        start(p);
    loop_timer_at(&p->timer, sched_deadline(&p->sched));
    return todo;
}

static void count(struct probe *p, const struct verdict *v)
{
    p->last = *v;
    p->last.certs = NULL; /* they live as long as the attempt */
    p->last.ncerts = 0;
    p->last_at = wall_now();
    p->busy_ns += v->total_ns;
    if (v->status != VERDICT_FAIL)
        return;
    p->failures++;
    p->failures_by[v->reason]++;
}

static void report(struct probe *p, unsigned todo, const struct verdict *v)
{
    enum sched_state before = p->sched.was;
    p->ops->result(p->obj, p, v, todo & SCHED_SOFT);
    if (todo & SCHED_CHANGED)
        p->ops->changed(p->obj, p, before, v);
    if (v->status == VERDICT_FAIL && p->sched.fails == 1 && (todo & SCHED_SOFT))
        p->ops->first_failure(p->obj, p);
    tell_waiters(p, v);
}

static void say_frozen(struct verdict *v)
{
    v->status = VERDICT_UNKNOWN;
    v->reason = REASON_NONE;
    snprintf(v->detail, sizeof(v->detail),
             "not counted: the machine or this program stood still meanwhile");
}

static void on_done(void *obj, const struct verdict *v)
{
    struct probe *p = obj;
    struct verdict mine = *v;
    p->attempt = NULL;
    unsigned todo = step(p, SCHED_RESULT, v->status);
    if (todo & SCHED_DISCARDED)
        say_frozen(&mine);
    count(p, &mine);
    report(p, todo, &mine);
}

static void on_timer(struct probe *p)
{
    mono_t at = sched_deadline(&p->sched), now = loop_now(p->env->loop);
    unsigned todo = step(p, SCHED_TIMER, VERDICT_UNKNOWN);
    if (!(todo & SCHED_DISCARDED))
        return;
    struct verdict v;
    verdict_init(&v);
    if (mono_sub(now, at).ns > SCHED_FROZEN_NS)
        say_frozen(&v);
    else
        verdict_fail(&v, REASON_INTERNAL,
                     "the attempt was given up: it did not end at its timeout");
    v.status = VERDICT_UNKNOWN;
    count(p, &v);
    report(p, todo, &v);
}

struct probe *probe_new(struct driver_env *env, const struct item *item,
                        const struct probe_ops *ops, void *obj)
{
    struct probe *p = mem_zalloc(sizeof(*p));
    struct sched_now t = probe_now(env->loop);
    p->name = mem_strdup(item->name);
    p->item = item;
    p->driver = driver_of(item->kind);
    p->env = env;
    p->ops = ops;
    p->obj = obj;
    p->conf = conf_of(item);
    verdict_init(&p->last);
    sched_init(&p->sched, &p->conf, &t);
    saved_news(p); /* a new one is no news */
    LOOP_TIMER(&p->timer, env->loop, on_timer, p);
    loop_timer_at(&p->timer, sched_deadline(&p->sched));
    return p;
}

void probe_free(struct probe **pp)
{
    struct probe *p = *pp;
    if (!p)
        return;
    loop_timer_stop(&p->timer);
    if (p->attempt)
        p->driver->cancel(&p->attempt);
    tell_waiters(p, NULL);
    if (p->driver->drop)
        p->driver->drop(&p->held);
    VEC_FINI(&p->waiters);
    free(p->name);
    free(p);
    *pp = NULL;
}

/* The attempt under way reads the old item: it is made anew, and has as much time as any other: a
 * reload is no fault of the target. */
void probe_rebind(struct probe *p, const struct item *item)
{
    struct sched_now t = probe_now(p->env->loop);
    p->item = item;
    if (!p->attempt)
        return;
    p->driver->cancel(&p->attempt);
    sched_again(&p->sched, &p->conf, &t);
    start(p);
    loop_timer_at(&p->timer, sched_deadline(&p->sched));
}

void probe_delay(struct probe *p, dur_t d)
{
    p->sched.next = mono_add(p->sched.next, d);
    loop_timer_at(&p->timer, sched_deadline(&p->sched));
}

void probe_run(struct probe *p)
{
    step(p, SCHED_RUN_NOW, VERDICT_UNKNOWN);
}

void probe_program_started(struct probe *p)
{
    unsigned todo = step(p, SCHED_PROGRAM, VERDICT_UNKNOWN);
    if (todo & SCHED_CHANGED)
        p->ops->changed(p->obj, p, p->sched.was, NULL);
    if (todo & SCHED_CANCEL)
        tell_waiters(p, NULL);
}

void probe_view(const struct probe *p, struct probe_view *out)
{
    *out = (struct probe_view){.name = p->name,
                               .type = p->item->kind->name,
                               .opts = probe_opts(p->item),
                               .state = p->sched.state,
                               .since = p->sched.since,
                               .grace_until = p->sched.grace_until,
                               .fails = p->sched.fails,
                               .oks = p->sched.oks,
                               .running = p->sched.running,
                               .next = p->sched.next,
                               .last_at = p->last_at,
                               .last = &p->last,
                               .runs = p->sched.runs,
                               .failures = p->failures,
                               .overruns = p->sched.overruns,
                               .discarded = p->sched.discarded,
                               .busy_ns = p->busy_ns,
                               .late_ns = p->sched.late.ns,
                               .late_max_ns = p->late_max_ns};
    memcpy(out->failures_by, p->failures_by, sizeof(out->failures_by));
}
