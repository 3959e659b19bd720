/* What order.c, orderstop.c and readiness.c share: what is kept of one process with an order. */
#ifndef RUN_ORDER_IMPL_H
#define RUN_ORDER_IMPL_H

#include "supervisor/run/groups.h"
#include "supervisor/run/order.h"
#include "supervisor/run/readiness.h"

struct order_node {
    struct proc *proc;
    TAILQ_ENTRY(order_node) link; /* while held */
    bool held;
    bool stuck;    /* what it waits for does not come by itself */
    bool asked;    /* its dependencies were asked to start, for this start of its own */
    bool revived;  /* its start was begun by another supd */
    bool circle;   /* it waits for itself, by way of others */
    uint32_t seen; /* for ordercircle.c: in that walk, */
    struct order_node *next, *before; /* its queue, and the way to here */
    uint32_t epoch;
    struct group **groups; /* of its dependencies, as of that epoch; NULL: gone */
    struct readiness ready;
};

/* NULL: it has no order. */
struct order_node *order_node_of(const struct proc *p);
static inline const struct gen_order *order_conf(const struct proc *p)
{
    return gen_order(p->gen->gen, proc_opts(p));
}
/* Calls fn for each process that it depends on; with NULL where a dependency is not there. */
typedef void order_dep_fn(void *obj, const struct gen_dep *d, struct proc *p);
void order_each(struct order_node *n, order_dep_fn *fn, void *obj);
/* It need not be waited for any more. */
bool order_is_met(const struct gen_dep *d, const struct proc *p);
/* Notes of all that wait whether they wait for each other. */
void order_find_circles(struct sup *s);
/* Appends the way around, if there is one: "; the programs wait for each other: a -> b -> a". */
void order_put_circle(struct order_node *n, struct str *out);
/* Stops what leaves and is not needed any more. */
void order_stop_leaving(struct sup *s);

#endif
