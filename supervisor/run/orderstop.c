/* Which stop waits for what: what others need stops after those of them that are stopped, too. */
#include "supervisor/run/order_impl.h"
#include "supervisor/run/procs_impl.h"

static bool has_process(const struct proc *p)
{
    return proc_life(p)->pid || proc_life(p)->sweep;
}

static bool is_going(const struct proc *p)
{
    return p->leaving || proc_life(p)->state == PROC_STOPPING || proc_life(p)->sweep;
}

static void mark(void *obj, const struct gen_dep *d, struct proc *p)
{
    (void)obj;
    (void)d;
    if (p)
        p->needed = true;
}

void order_mark_needed(struct sup *s, bool leaving)
{
    struct order_book *b = &s->order;
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        p->needed = false;
    for (uint32_t i = 0, seen = 0; i < b->room && seen < b->n; i++) {
        struct order_node *n = b->by_slot[i];
        if (!n)
            continue;
        seen++;
        const struct proc *p = n->proc;
        if (has_process(p) && proc_life(p)->state != PROC_UNKNOWN && (!leaving || is_going(p)))
            order_each(n, mark, NULL);
    }
}

bool order_leaves(struct proc *p, bool again)
{
    struct sup *s = proc_sup(p);
    if (!s->order.n || s->mood == SUP_STOPPING || !proc_life(p)->pid)
        return false;
    s->order.nleaving += !p->leaving;
    p->leaving = true;
    p->leaving_again = again;
    proc_note(p);
    loop_defer(s->loop, &s->order.look);
    return true;
}

void order_stays(struct proc *p)
{
    if (!p->leaving)
        return;
    proc_sup(p)->order.nleaving--;
    p->leaving = p->leaving_again = false;
    proc_note(p);
}

static void leave(struct proc *p)
{
    bool again = p->leaving_again, update = p->doomed || p->group->doomed || p->next_gen;
    struct proc_in in = {.event = again ? PROC_EV_RESTART : PROC_EV_STOP};
    in.why = again ? PROC_WHY_OPERATOR : update ? PROC_WHY_UPDATE : PROC_WHY_NONE;
    order_stays(p);
    proc_feed(p, in);
}

/* true: one was told */
static bool leave_some(struct sup *s, bool all)
{
    bool any = false;
    for (struct proc *p = procs_first(s), *next; p; p = next) {
        next = procs_next(p);
        if (!p->leaving || (p->needed && proc_life(p)->pid && !all))
            continue;
        leave(p);
        any = true;
    }
    return any;
}

static bool any_going(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (!p->leaving && is_going(p))
            return true;
    return false;
}

/* Programs of different configurations may need each other in a circle: then all go at once. */
void order_stop_leaving(struct sup *s)
{
    if (!s->order.nleaving || s->mood == SUP_STOPPING)
        return; /* the shutdown stops all, in its order */
    order_mark_needed(s, true);
    if (!leave_some(s, false) && s->order.nleaving && !any_going(s))
        leave_some(s, true);
}
