/* Who is told of every change of a process. */
#include "supervisor/run/procs_impl.h"

static void tell(struct proc *p, const struct proc_change *c, bool gone)
{
    struct proc_waiter *w, *next;
    for (w = LIST_FIRST(&p->waiters); w; w = next) {
        next = LIST_NEXT(w, link);
        w->fn(w->obj, p, c, gone);
    }
}

void proc_tell(struct proc *p, const struct proc_change *c)
{
    tell(p, c, false);
}

void proc_tell_gone(struct proc *p)
{
    tell(p, NULL, true);
}

void proc_wait(struct proc *p, struct proc_waiter *w)
{
    struct proc_waiter *last = LIST_FIRST(&p->waiters);
    while (last && LIST_NEXT(last, link))
        last = LIST_NEXT(last, link);
    if (last)
        LIST_INSERT_AFTER(last, w, link);
    else
        LIST_INSERT_HEAD(&p->waiters, w, link);
}

void proc_unwait(struct proc *p, struct proc_waiter *w)
{
    (void)p;
    LIST_REMOVE(w, link);
}
