/* What listeners know of each process. Between a change and its event lie a commit and, for an
 * exit, the wait for the last output: a fault in between must not take the event with it. */
#include "supervisor/core/procpath.h"
#include "supervisor/run/listeners_impl.h"

void listentold_note(struct listeners *x, const struct proc *p, int state, int pid)
{
    *listenmem_told(x->mem, p->slot) = (struct lm_told){.pid = pid, .state = (uint32_t)state};
}

void listentold_begin(struct listeners *x)
{
    for (struct proc *p = procs_first(x->sup); p; p = procs_next(p))
        listentold_note(x, p, proc_life(p)->state, proc_life(p)->pid);
}

void listeners_renumber(struct proc *p)
{
    struct listeners *x = proc_sup(p)->listeners;
    if (x)
        listenmem_told(x->mem, p->slot)->pid = proc_life(p)->pid;
}

/* Its way from what they know to where it is. Up to its next start it is about the instance that
 * they know. */
static void tell_way(struct proc *p, struct lm_told told)
{
    const struct proc_life *l = proc_life(p);
    enum proc_state way[PROC_PATH_MAX];
    bool again = told.pid && l->pid && told.pid != l->pid;
    unsigned n = proc_path((enum proc_state)told.state, (enum proc_state)l->state, again, way);
    struct proc_change c = {.from = (uint16_t)told.state, .pid = told.pid, .tries = l->tries};
    for (unsigned i = 0; i < n; i++) {
        c.to = (uint16_t)way[i];
        if (c.to == PROC_STARTING || !c.pid)
            c.pid = l->pid;
        listeners_tell_state(p, &c, l->expected);
        c.from = c.to;
    }
}

void listentold_one(struct listeners *x, struct proc *p)
{
    if (x->types & EVENT_STATES)
        tell_way(p, *listenmem_told(x->mem, p->slot));
}

void listentold_catch_up(struct listeners *x)
{
    for (struct proc *p = procs_first(x->sup); p; p = procs_next(p))
        listentold_one(x, p);
}
