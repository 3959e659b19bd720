/* wait: answers when processes have come to be what was asked for, cannot, or took too long. */
#include "supervisor/base/dur.h"
#include "supervisor/run/order.h"
#include "supervisor/run/verb.h"

#include <stdlib.h>
#include <string.h>

struct waiting;

/* one process, and what it is to become */
struct awaited {
    struct proc_waiter waiter;
    struct waiting *all;
    struct proc *proc; /* NULL: settled */
    const struct goal *goal;
};

struct waiting {
    struct ctl_req *rq;
    struct sup *sup;
    struct loop_timer timer; /* of the time limit */
    struct loop_timer again; /* looks again: soon after a change, and at what no change tells of */
    int64_t timeout_ms;
    size_t n, pending, failed;
    bool building;
    struct awaited *v;
};

/* ---- what one can wait for ---- */

static enum order_verdict see_ready(const struct proc *p)
{
    return order_of(p, ORDER_READY);
}

static enum order_verdict see_done(const struct proc *p)
{
    return order_of(p, ORDER_DONE);
}

static enum order_verdict see_started(const struct proc *p)
{
    return order_of(p, ORDER_STARTED);
}

static enum order_verdict see_stopped(const struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    bool rests = !l->pid && !l->sweep && !l->restart && !p->next_gen;
    return rests && proc_is_stopped(l) && !l->due.ns ? ORDER_MET : ORDER_WAIT;
}

static const struct goal {
    const char *word;
    enum order_verdict (*see)(const struct proc *p);
} goals[] = {
    {"ready", see_ready},     {"done", see_done},       {"started", see_started},
    {"running", see_started}, {"stopped", see_stopped},
};
#define NGOALS (sizeof(goals) / sizeof(goals[0]))

static const struct goal *goal_of(const char *word)
{
    for (size_t i = 0; i < NGOALS; i++)
        if (strcmp(goals[i].word, word) == 0)
            return &goals[i];
    return NULL;
}

/* ---- one process ---- */

static void end_if_done(struct waiting *w)
{
    if (w->pending || w->building)
        return;
    loop_timer_stop(&w->timer);
    loop_timer_stop(&w->again);
    verb_finish(w->rq, w->failed);
    free(w->v);
    free(w);
}

static void settle(struct awaited *a, const char *code, const char *text)
{
    char name[PROC_NAME_MAX];
    a->all->failed += code != NULL;
    verb_result(a->all->rq, proc_fullname(a->proc, name, sizeof(name)), code,
                code ? text : a->goal->word);
    proc_unwait(a->proc, &a->waiter);
    a->proc = NULL;
    a->all->pending--;
}

/* "STARTING, waiting for db: BACKOFF, 2 of 5" */
static void put_state(const struct proc *p, struct str *out)
{
    if (!order_is_held(p)) {
        order_state(p, out);
        return;
    }
    str_puts(out, "STARTING, waiting for ");
    order_waits_for(p, out);
}

static void say_never(struct awaited *a)
{
    struct str text = STR_INIT;
    if (a->goal->see == see_done && !proc_is_once(a->proc)) {
        str_puts(&text, "a service is never done; that is for type=oneshot and type=setup");
    } else {
        str_printf(&text, "it will not be %s by itself: ", a->goal->word);
        put_state(a->proc, &text);
    }
    settle(a, wire_code_name(WIRE_ABNORMAL), str_text(&text));
    str_fini(&text);
}

/* Before anything was started all of it may come. */
static void look_at(struct awaited *a)
{
    bool booting = a->all->sup->mood == SUP_BOOTING;
    bool hopeless = a->goal->see == see_done && !proc_is_once(a->proc);
    enum order_verdict v = hopeless ? ORDER_NEVER : a->goal->see(a->proc);
    if (v == ORDER_MET)
        settle(a, NULL, "");
    else if (v == ORDER_NEVER && (!booting || hopeless))
        say_never(a);
}

static void on_change(void *obj, struct proc *p, const struct proc_change *c, bool gone)
{
    struct awaited *a = obj;
    struct waiting *w = a->all;
    (void)p;
    (void)c;
    if (gone && a->goal->see == see_stopped)
        settle(a, NULL, "");
    else if (gone)
        settle(a, wire_code_name(WIRE_ABNORMAL), "it was removed");
    else
        loop_timer_at(&w->again, loop_now(w->sup->loop)); /* what follows from it comes first */
    end_if_done(w);
}

/* ---- all of them ---- */

static void look_again(struct waiting *w)
{
    bool silent = w->sup->mood == SUP_BOOTING;
    w->building = true;
    for (size_t i = 0; i < w->n; i++) {
        if (w->v[i].proc)
            look_at(&w->v[i]);
        silent |= w->v[i].proc && proc_life(w->v[i].proc)->sweep;
    }
    w->building = false;
    if (silent)
        loop_timer_at(&w->again, mono_add(loop_now(w->sup->loop), DUR_MS(100)));
    end_if_done(w);
}

static void on_timeout(struct waiting *w)
{
    w->building = true;
    for (size_t i = 0; i < w->n; i++) {
        struct str text = STR_INIT;
        char limit[DUR_TEXT];
        struct awaited *a = &w->v[i];
        if (!a->proc)
            continue;
        str_printf(&text, "not %s after %s: ", a->goal->word,
                   dur_format(DUR_MS(w->timeout_ms), limit, sizeof(limit)));
        put_state(a->proc, &text);
        settle(a, wire_code_name(WIRE_TIMEOUT), str_text(&text));
        str_fini(&text);
    }
    w->building = false;
    end_if_done(w);
}

static void on_cancel(struct ctl_req *rq)
{
    struct waiting *w = rq->data;
    loop_timer_stop(&w->timer);
    loop_timer_stop(&w->again);
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].proc)
            proc_unwait(w->v[i].proc, &w->v[i].waiter);
    free(w->v);
    free(w);
}

/* ---- the request ---- */

/* "db=ready" cut in two; without a word it is ready. False: no such word. */
static bool cut(char *arg, const struct goal **out)
{
    char *equals = strrchr(arg, '=');
    *out = &goals[0];
    if (!equals)
        return true;
    *equals = '\0';
    *out = goal_of(equals + 1);
    return *out;
}

static bool add_name(struct waiting *w, char *arg, const struct goal *goal)
{
    struct verb_picks v;
    if (!verb_pick(w->sup, w->rq, &arg, 1, &v))
        return false;
    struct awaited *more = realloc(w->v, (w->n + v.n + 1) * sizeof(*more));
    if (!more) {
        verb_picks_fini(&v);
        ctl_error(w->rq, WIRE_BUSY, "out of memory");
        return false;
    }
    w->v = more;
    for (size_t i = 0; i < v.n; i++)
        w->v[w->n++] = (struct awaited){.all = w, .proc = v.procs[i], .goal = goal};
    verb_unknown(w->rq, &v);
    w->failed += v.nunknown;
    verb_picks_fini(&v);
    return true;
}

/* Only now, when they do not move any more: the waiters lie in them. */
static void begin(struct waiting *w)
{
    for (size_t i = 0; i < w->n; i++) {
        w->v[i].waiter = (struct proc_waiter){.fn = on_change, .obj = &w->v[i]};
        proc_wait(w->v[i].proc, &w->v[i].waiter);
    }
    w->pending = w->n;
    w->rq->data = w;
    w->rq->cancel = on_cancel;
    LOOP_TIMER(&w->timer, w->sup->loop, on_timeout, w);
    LOOP_TIMER(&w->again, w->sup->loop, look_again, w);
    if (w->timeout_ms >= 0)
        loop_timer_at(&w->timer, mono_add(loop_now(w->sup->loop), DUR_MS(w->timeout_ms)));
    look_again(w);
}

static bool cut_all(struct ctl_req *rq, const struct goal **goals_of)
{
    for (size_t i = 0; i < rq->argc; i++) {
        const char *word = strrchr(rq->argv[i], '=');
        if (cut(rq->argv[i], &goals_of[i]))
            continue;
        ctl_error(rq, WIRE_BAD_REQUEST, "'%s' is not one of ready, done, started, running, stopped",
                  word + 1);
        return false;
    }
    return true;
}

static void drop(struct waiting *w, const struct goal **goals_of)
{
    if (w)
        free(w->v);
    free(w);
    free(goals_of);
}

void verb_wait(void *obj, struct ctl_req *rq)
{
    int64_t timeout = -1;
    if (!verb_int_option(rq, "timeout_ms", 0, INT64_C(31536000000), &timeout))
        return;
    if (rq->argc == 0) {
        ctl_usage(rq);
        return;
    }
    struct waiting *w = calloc(1, sizeof(*w));
    const struct goal **goals_of = calloc(rq->argc, sizeof(struct goal *));
    if (!w || !goals_of) {
        drop(w, goals_of);
        ctl_error(rq, WIRE_BUSY, "out of memory");
        return;
    }
    *w = (struct waiting){.rq = rq, .sup = obj, .timeout_ms = timeout};
    bool ok = cut_all(rq, goals_of);
    for (size_t i = 0; ok && i < rq->argc; i++)
        ok = add_name(w, rq->argv[i], goals_of[i]);
    if (!ok) {
        drop(w, goals_of);
        return;
    }
    free(goals_of);
    begin(w);
}
