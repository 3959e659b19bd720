/* MAINPID: the record of an instance gets another pid. */
#include "supervisor/run/successor.h"
#include "supervisor/base/log.h"
#include "supervisor/run/notify.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/readiness.h"

#include <unistd.h>

static void say(const struct proc *p, int old, int status, int pid)
{
    struct str text = STR_INIT;
    proc_status_text(&text, status);
    log_info("%s: pid %d has ended (%s); its main process is %d from now on", proc_name(p), old,
             str_text(&text), pid);
    str_fini(&text);
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
    return true;
}
