/* The process machine and what a program says of itself: that it lives, and that it needs time. */
#include "supervisor/core/proc_step.h"

#include <signal.h>

/* ABRT first, for a core file that tells where it hangs; after the wait of the first stop signal
 * that one follows, and so on. */
void proc_on_hung(struct step *s)
{
    struct proc_life *l = s->l;
    proc_change_to(s, PROC_STOPPING, PROC_WHY_WATCHDOG);
    l->restart = HOLD_HUNG;
    l->stop_step = 0;
    l->kills = 0;
    l->due = proc_after(s, s->p->stops[0].wait);
    s->out->signal = SIGABRT;
    s->out->signal_group = s->p->stopasgroup;
    s->out->cont = true;
}

/* Never less time than it has, and none for what is being killed, or a stop_command. */
void proc_on_extend(struct step *s)
{
    struct proc_life *l = s->l;
    mono_t to = proc_after(s, s->in->more);
    bool waits = l->state == PROC_STOPPING || s->p->told || s->p->once;
    if (waits && l->due.ns && !s->in->commanding && !l->kills && !proc_is_overdue(s->p, l) &&
        to.ns > l->due.ns)
        l->due = to;
}
