/* Programs that wait for each other. One configuration is refused for that; processes that follow
 * different ones (an update of some groups only) may still come to it. Each of them is told the way
 * around. */
#include "supervisor/run/order_impl.h"

/* A file has no circle in itself. */
static bool is_mixed(struct sup *s)
{
    const struct live_gen *first = NULL;
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        if (first && p->gen != first)
            return true;
        first = p->gen;
    }
    return false;
}

/* A walk from one that waits over all that it waits for. */
struct walk {
    struct order_node *from, *at; /* where it began; who is looked at */
    struct order_node *last;      /* of the queue */
    struct order_node *closes;    /* who waits for the first one, or NULL */
    uint32_t mark;                /* of those who were seen */
};

static void step(void *obj, const struct gen_dep *d, struct proc *p)
{
    struct walk *w = obj;
    struct order_node *n = p ? order_node_of(p) : NULL;
    if (!n || !n->held || order_is_met(d, p))
        return;
    if (n == w->from && !w->closes)
        w->closes = w->at;
    if (n == w->from || n->seen == w->mark)
        return;
    n->seen = w->mark;
    n->before = w->at;
    n->next = NULL;
    w->last->next = n;
    w->last = n;
}

/* Who closes the shortest circle that it is part of, or NULL; from there `before` leads back. */
static struct order_node *find(struct order_node *n)
{
    struct order_book *b = &proc_sup(n->proc)->order;
    struct walk w = {.from = n, .last = n, .mark = ++b->marks};
    n->next = NULL;
    n->before = NULL;
    for (w.at = n; w.at && !w.closes; w.at = w.at->next)
        order_each(w.at, step, &w);
    return w.closes;
}

void order_find_circles(struct sup *s)
{
    struct order_node *n;
    bool mixed = is_mixed(s);
    TAILQ_FOREACH (n, &s->order.held, link)
        n->circle = mixed && find(n);
}

static void put_name(const struct order_node *n, struct str *out)
{
    char name[PROC_NAME_MAX];
    str_puts(out, proc_fullname(n->proc, name, sizeof(name)));
}

void order_put_circle(struct order_node *n, struct str *out)
{
    struct order_node *last = n->circle ? find(n) : NULL, *next = NULL, *before;
    if (!last)
        return;
    for (struct order_node *m = last; m; m = before) { /* turned around: it leads forward then */
        before = m->before;
        m->before = next;
        next = m;
    }
    str_puts(out, "; the programs wait for each other: ");
    for (struct order_node *m = n; m; m = m->before) {
        put_name(m, out);
        str_puts(out, " -> ");
    }
    put_name(n, out);
}
