/* MAINPID: the record of an instance gets another pid. */
#include "supervisor/run/successor.h"
#include "supervisor/base/log.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/notify.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/readiness.h"

#include <signal.h>
#include <unistd.h>

static void say(const struct proc *p, int old, int status, int pid)
{
    struct str text = STR_INIT;
    proc_status_text(&text, status);
    log_info("%s: pid %d has ended (%s); its main process is %d from now on", proc_name(p), old,
             str_text(&text), pid);
    str_fini(&text);
}

/* It has not had the signal that the one before it ended by. */
static void pass_signal_on(const struct proc *p)
{
    struct proc_policy policy;
    const struct proc_life *l = proc_life(p);
    proc_policy_of(p->gen->gen, p->conf, &policy);
    if (l->state == PROC_STOPPING && l->stop_step > 0 && l->stop_step <= policy.nstops)
        kill(l->pid, policy.stops[l->stop_step - 1].sig);
}

bool successor_takes_over(struct proc *p, int *status)
{
    struct state *state = proc_sup(p)->state;
    readiness_ended(p);
    int pid = notify_ended(p), pgid = pid ? getpgid(pid) : 0;
    struct state_rec rec = *state_get(state, p->slot);
    if (notify_was_aborted(p))
        *status |= PROC_STATUS_WATCHDOG;
    if (!pid || pgid < 0)
        return false;
    say(p, rec.life.pid, *status, pid);
    rec.life.pid = pid;
    rec.life.pgid = pgid > 1 && pgid != getpgrp() ? pgid : rec.life.pgid;
    rec.phase = STATE_IDLE;
    state_put(state, p->slot, &rec);
    state_cell(state, p->slot)->pid = pid;
    proc_hash(p, pid);
    listeners_renumber(p);
    pass_signal_on(p);
    return true;
}
