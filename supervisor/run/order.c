/* Which start waits for what. */
#include "supervisor/base/log.h"
#include "supervisor/run/exitpol.h"
#include "supervisor/run/notify.h"
#include "supervisor/run/order_impl.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/upstream.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 3u /* of what one waits for, so many are told */

/* ---- what is kept ---- */

struct order_node *order_node_of(const struct proc *p)
{
    return p->ordered ? proc_sup(p)->order.by_slot[p->slot] : NULL;
}

static void look(struct sup *s);

void order_init(struct sup *s)
{
    TAILQ_INIT(&s->order.held);
    s->order.epoch = 1;
    LOOP_DEFER(&s->order.look, look, s);
}

void order_fini(struct sup *s)
{
    free(s->order.by_slot);
    s->order.by_slot = NULL;
    s->order.room = 0;
}

static void look_soon(struct sup *s)
{
    if (!TAILQ_EMPTY(&s->order.held) || s->order.nleaving)
        loop_defer(s->loop, &s->order.look);
}

void order_groups_changed(struct sup *s)
{
    s->order.epoch++;
    look_soon(s);
}

static int make_room(struct order_book *b, uint32_t slot)
{
    if (slot < b->room)
        return 0;
    uint32_t room = slot + slot / 2 + 16;
    struct order_node **v = realloc(b->by_slot, room * sizeof(struct order_node *));
    if (!v)
        return -1;
    memset(v + b->room, 0, (room - b->room) * sizeof(struct order_node *));
    b->by_slot = v;
    b->room = room;
    return 0;
}

static struct order_node *node_new(struct proc *p)
{
    struct order_book *b = &proc_sup(p)->order;
    struct order_node *n = make_room(b, p->slot) == 0 ? calloc(1, sizeof(*n)) : NULL;
    if (!n)
        return NULL;
    n->proc = p;
    n->ready.proc = p;
    b->by_slot[p->slot] = n;
    b->n++;
    p->ordered = true;
    return n;
}

static int set_deps(struct order_node *n, const struct gen_order *o)
{
    struct group **groups = calloc(o->ndeps + 1u, sizeof(struct group *));
    if (!groups)
        return -1;
    free(n->groups);
    n->groups = groups;
    n->epoch = 0;
    return 0;
}

static void drop(struct proc *p)
{
    struct order_node *n = order_node_of(p);
    if (!n)
        return;
    order_let_go(p);
    readiness_forget(&n->ready);
    proc_sup(p)->order.by_slot[p->slot] = NULL;
    proc_sup(p)->order.n--;
    p->ordered = false;
    free(n->groups);
    free(n);
}

/* It waits for nothing any more. */
static void release(struct proc *p)
{
    bool held = order_is_held(p);
    drop(p);
    if (held)
        proc_enqueue(p);
}

/* Without memory a start does not wait: better than one that never comes. */
void order_follow(struct proc *p, bool revived)
{
    const struct gen_order *o = order_conf(p);
    struct order_node *n = order_node_of(p);
    if (!o) {
        release(p);
        return;
    }
    if (!n)
        n = node_new(p);
    if (!n || set_deps(n, o) < 0) {
        log_error("%s: no memory for what it depends on; it starts without waiting", proc_name(p));
        release(p);
        return;
    }
    n->revived = revived;
    readiness_follow(p, &n->ready, o);
    proc_sup(p)->order.changed = true;
    look_soon(proc_sup(p));
}

void order_forget(struct proc *p)
{
    order_stays(p);
    drop(p);
    notify_forget(p);
}

/* ---- what it depends on ---- */

static void find_groups(struct order_node *n, const struct gen_order *o)
{
    struct sup *s = proc_sup(n->proc);
    const struct gen *g = n->proc->gen->gen;
    const struct gen_dep *deps = gen_at(g, o->deps);
    if (n->epoch == s->order.epoch)
        return;
    for (uint32_t i = 0; i < o->ndeps; i++)
        n->groups[i] = group_find(s, gen_str(g, deps[i].group));
    n->epoch = s->order.epoch;
}

static bool is_meant(const struct gen *g, const struct gen_dep *d, const struct proc *q)
{
    return !d->section ||
           strcmp(gen_str(g, d->section), gen_str(q->gen->gen, q->conf->section)) == 0;
}

void order_each(struct order_node *n, order_dep_fn *fn, void *obj)
{
    const struct gen *g = n->proc->gen->gen;
    const struct gen_order *o = order_conf(n->proc);
    const struct gen_dep *deps = gen_at(g, o->deps);
    find_groups(n, o);
    for (uint32_t i = 0; i < o->ndeps; i++) {
        struct group *group = n->groups[i];
        bool found = group && !deps[i].section;
        for (uint32_t k = 0; group && k < group->nprocs; k++) {
            struct proc *q = group->procs[k];
            if (q == n->proc || !is_meant(g, &deps[i], q))
                continue;
            found = true;
            fn(obj, &deps[i], q);
        }
        if (!found)
            fn(obj, &deps[i], NULL);
    }
}

static struct order_fact fact_of(const struct proc *p, struct proc_policy *policy)
{
    const struct order_node *n = order_node_of(p);
    bool doomed = p->doomed || p->group->doomed;
    proc_policy_of(p->gen->gen, p->conf, policy);
    return (struct order_fact){
        .life = proc_life(p),
        .policy = policy,
        .lost = n && n->ready.lost,
        .leaving = p->leaving || p->next_gen || doomed,
        .again = doomed ? p->group->renew : p->leaving_again || (p->next_gen && p->start_after),
        .held = n && n->held,
        .stuck = n && n->stuck};
}

enum order_verdict order_of(const struct proc *p, enum order_when when)
{
    struct proc_policy policy;
    struct order_fact f = fact_of(p, &policy);
    return order_judge(when, true, &f);
}

void order_state(const struct proc *p, struct str *out)
{
    struct proc_policy policy;
    struct order_fact f = fact_of(p, &policy);
    order_say(&f, out);
}

static enum order_verdict judge(const struct gen_dep *d, const struct proc *p)
{
    struct proc_policy policy;
    if (!p)
        return d->hard ? ORDER_NEVER : ORDER_MET;
    struct order_fact f = fact_of(p, &policy);
    return order_judge((enum order_when)d->when, d->hard, &f);
}

bool order_is_met(const struct gen_dep *d, const struct proc *p)
{
    return judge(d, p) == ORDER_MET;
}

static void judge_one(void *obj, const struct gen_dep *d, struct proc *p)
{
    enum order_verdict *worst = obj, v = judge(d, p);
    if (v > *worst)
        *worst = v;
}

static enum order_verdict judge_all(struct order_node *n)
{
    enum order_verdict worst = ORDER_MET;
    order_each(n, judge_one, &worst);
    return worst == ORDER_WAIT && n->circle ? ORDER_NEVER : worst;
}

/* ---- asking for what it depends on ---- */

static bool is_up_or_coming(const struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    return proc_is_running(l) || l->restart || l->state == PROC_UNKNOWN ||
           order_of(p, ORDER_READY) == ORDER_MET;
}

struct asking {
    struct order_node *node;
    enum proc_why why; /* its own start */
};

/* Somebody's hand, or the start of supd, starts what a program depends on with it. An update, or a
 * start that another supd began, leaves alone what was up before. */
static void ask_one(void *obj, const struct gen_dep *d, struct proc *p)
{
    const struct asking *a = obj;
    if (!p || !d->hard || is_up_or_coming(p))
        return;
    bool first = proc_life(p)->why == PROC_WHY_NONE;
    if (!first && (a->why == PROC_WHY_UPDATE || a->node->revived))
        return;
    log_info("starting %s, which %s depends on", proc_name(p), proc_name(a->node->proc));
    proc_start(p, a->why);
}

static void ask(struct order_node *n, enum proc_why why)
{
    if (n->asked || (why != PROC_WHY_BOOT && why != PROC_WHY_OPERATOR && why != PROC_WHY_UPDATE))
        return;
    n->asked = true;
    order_each(n, ask_one, &(struct asking){n, why});
}

void order_ask_again(struct proc *p)
{
    struct order_node *n = order_node_of(p);
    if (!n || !n->held)
        return;
    n->asked = n->revived = n->stuck = false;
    ask(n, PROC_WHY_OPERATOR);
    look_soon(proc_sup(p));
}

/* ---- waiting ---- */

static void say_stuck(struct order_node *n)
{
    struct str text = STR_INIT;
    order_waits_for(n->proc, &text);
    log_warn("%s waits for what does not come by itself: %s", proc_name(n->proc), str_text(&text));
    str_fini(&text);
}

/* Those who wait for its start are told; with exit_on=all it holds up nobody. */
static void set_stuck(struct order_node *n, bool stuck)
{
    if (n->stuck == stuck)
        return;
    n->stuck = stuck;
    loop_defer(proc_sup(n->proc)->loop, &proc_sup(n->proc)->order.look);
    if (!stuck)
        return;
    say_stuck(n);
    upstream_look_later(proc_sup(n->proc));
    proc_tell(n->proc, &(struct proc_change){
                           .from = PROC_STARTING, .to = PROC_STARTING, .why = PROC_WHY_BLOCKED});
    exitpol_look(proc_sup(n->proc));
}

/* Before the next look. */
static void seek_circles(struct sup *s)
{
    s->order.changed = true;
    look_soon(s);
}

static void hold(struct order_node *n, enum order_verdict v)
{
    struct str text = STR_INIT;
    if (!n->held) {
        n->held = true;
        TAILQ_INSERT_TAIL(&proc_sup(n->proc)->order.held, n, link);
        order_waits_for(n->proc, &text);
        log_info("%s waits for %s", proc_name(n->proc), str_text(&text));
        str_fini(&text);
        seek_circles(proc_sup(n->proc));
    }
    set_stuck(n, v == ORDER_NEVER);
}

bool order_lets_start(struct proc *p)
{
    struct order_node *n = order_node_of(p);
    if (p->leaving)
        order_stop_leaving(proc_sup(p));
    if (!p->queued)
        return false;
    if (!n)
        return true;
    ask(n, (enum proc_why)proc_life(p)->why);
    enum order_verdict v = judge_all(n);
    if (v == ORDER_MET) {
        n->asked = n->revived = false;
        return true;
    }
    hold(n, v);
    return false;
}

void order_let_go(struct proc *p)
{
    struct order_node *n = order_node_of(p);
    if (!n || !n->held)
        return;
    TAILQ_REMOVE(&proc_sup(p)->order.held, n, link);
    n->held = n->stuck = n->circle = false;
    proc_sup(p)->order.changed = true;
}

static void look(struct sup *s)
{
    struct order_node *n, *next;
    order_stop_leaving(s);
    if (s->order.changed)
        order_find_circles(s);
    s->order.changed = false;
    for (n = TAILQ_FIRST(&s->order.held); n; n = next) {
        next = TAILQ_NEXT(n, link);
        enum order_verdict v = judge_all(n);
        if (v != ORDER_MET) {
            set_stuck(n, v == ORDER_NEVER);
            continue;
        }
        order_let_go(n->proc);
        proc_enqueue(n->proc);
    }
}

void order_moved(struct proc *p)
{
    struct order_node *n = order_node_of(p);
    if (n && !n->held && proc_life(p)->state != PROC_STARTING)
        n->asked = n->revived = false;
    look_soon(proc_sup(p));
}

/* ---- what is told ---- */

bool order_is_held(const struct proc *p)
{
    const struct order_node *n = order_node_of(p);
    return n && n->held;
}

bool order_is_stuck(const struct proc *p)
{
    const struct order_node *n = order_node_of(p);
    return n && n->held && n->stuck;
}

struct telling {
    struct order_node *node;
    struct str *out;
    unsigned n;
};

static void tell_one(void *obj, const struct gen_dep *d, struct proc *p)
{
    struct telling *t = obj;
    char name[PROC_NAME_MAX];
    if (order_is_met(d, p))
        return;
    if (++t->n > SHOWN)
        return;
    str_printf(t->out, "%s%s: ", t->n > 1 ? "; " : "",
               p ? proc_fullname(p, name, sizeof(name))
                 : gen_str(t->node->proc->gen->gen, d->name));
    if (p)
        order_state(p, t->out);
    else
        str_puts(t->out, "there is none any more");
}

void order_waits_for(const struct proc *p, struct str *out)
{
    struct telling t = {.node = order_node_of(p), .out = out};
    if (!order_is_held(p))
        return;
    order_each(t.node, tell_one, &t);
    if (t.n > SHOWN)
        str_printf(out, "; and %u more", t.n - SHOWN);
    order_put_circle(order_node_of(p), out);
}
