/* How a process ends: its death is recorded, then acted on, and what it left is ended or reported.
 */
#include "supervisor/base/log.h"
#include "supervisor/io/cgroup.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/memory.h"
#include "supervisor/run/orphans.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/streams.h"
#include "supervisor/run/successor.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static struct proc *leader(struct sup *s, int pid)
{
    struct proc *p = procs_by_number(s, pid);
    return p && proc_life(p)->pid == pid ? p : NULL;
}

bool procs_has_leader(struct sup *s, int pid)
{
    return leader(s, pid);
}

struct proc *procs_of_group(struct sup *s, int pgid)
{
    struct proc *p = procs_by_number(s, pgid);
    return p && proc_life(p)->pgid == pgid && !p->group_gone ? p : NULL;
}

bool procs_has_group(struct sup *s, int pgid)
{
    for (unsigned i = 0; i < s->ndead; i++)
        if (s->dead[i].p && proc_life(s->dead[i].p)->pgid == pgid)
            return true;
    return procs_of_group(s, pgid);
}

bool procs_peeked(struct sup *s, int pid, int status)
{
    struct proc *p = leader(s, pid);
    if (!p)
        return false;
    struct state_rec rec = *state_get(s->state, p->slot);
    if (rec.phase == STATE_PEEKED && rec.peek_pid == pid)
        return true; /* our predecessor did */
    rec.phase = STATE_PEEKED;
    rec.peek_pid = pid;
    rec.peek_status = status;
    state_put(s->state, p->slot, &rec);
    return true;
}

void proc_say_shortage(const struct proc *p)
{
    char why[ERR_MAX];
    if (proc_life(p)->state == PROC_STARTING && proc_life(p)->delays == 1)
        log_warn("%s: %s; it is tried again until there is room, and spends no retries",
                 proc_name(p), proc_spawnerr(p, why, sizeof(why)));
}

/* What a program's own limits bring about is no shortage of the system, which would pass; but its
 * user's count of processes may fall. */
static bool is_shortage(const struct proc *p, int errnum)
{
    goff off = proc_opts(p)->attrs;
    const struct attrs *a = off ? gen_at(p->gen->gen, off) : NULL;
    bool limited = a && a->set & (ATTR_BIT(ATTRS_LIMITS) - 1);
    return spawn_is_shortage(errnum) && (errnum == EAGAIN || !limited);
}

/* What the death of its child means. */
static enum proc_event end_of(const struct proc *p)
{
    const struct spawn_cell *cell = state_cell(proc_sup(p)->state, p->slot);
    if (cell->step == SPAWN_OK)
        return PROC_EV_EXITED;
    return is_shortage(p, cell->errnum) ? PROC_EV_DELAYED : PROC_EV_CANNOT;
}

/* Its number is nobody's from now on, or its group's for as long as that has members. What follows
 * comes when all that have died by now are told: then one look serves all of them. */
bool procs_reaped(struct sup *s, int pid, int status)
{
    struct proc *p = leader(s, pid);
    if (!p)
        return false;
    if (successor_takes_over(p, &status)) {
        state_totals(s->state)->reaped++;
        return true;
    }
    proc_unhash(p);
    p->group_gone =
        proc_opts(p)->orphans == GEN_ORPHANS_KEEP || (kill(-pid, 0) < 0 && errno == ESRCH);
    if (s->ndead == SUP_DEAD_MAX)
        procs_bury(s);
    s->dead[s->ndead++] = (struct sup_dead){p, status};
    return true;
}

/* Whether anybody of it is alive, and what of that is its machine's business. */
static bool left_others(struct proc *p)
{
    uint8_t orphans = proc_opts(p)->orphans;
    if (orphans == GEN_ORPHANS_KEEP)
        return false;
    /* a restart waits for no look, whose cost grows with the number of programs */
    bool stopped = proc_life(p)->state == PROC_STOPPING || orphans == GEN_ORPHANS_REPORT;
    p->escaped = (stopped || p->in_cgroup) && orphans_may_live(p);
    if (!stopped && !p->in_cgroup)
        orphans_end_late(proc_sup(p));
    bool others = !p->group_gone || p->escaped;
    if (others && orphans == GEN_ORPHANS_REPORT)
        orphans_seek(p);
    return others && orphans == GEN_ORPHANS_KILL;
}

static void bury(struct proc *p, int status)
{
    struct sup *s = proc_sup(p);
    status = memory_reason(p, status);
    listeners_ended(p);
    streams_ended(p);
    proc_close_stdin(p);
    enum proc_event event = end_of(p);
    bool others = left_others(p);
    state_totals(s->state)->reaped++;
    proc_feed(p, (struct proc_in){.event = event, .status = status, .group_alive = others});
    if (p->sweeping && p->escaped)
        orphans_seek(p);
    if (!p->sweeping)
        p->group_gone = p->escaped = false;
    if (event == PROC_EV_DELAYED)
        proc_say_shortage(p);
}

void procs_bury(struct sup *s)
{
    orphans_look_begin(s);
    for (unsigned i = 0; i < s->ndead; i++) {
        struct proc *p = s->dead[i].p;
        s->dead[i].p = NULL;
        bury(p, s->dead[i].status);
    }
    s->ndead = 0;
    orphans_look_end(s);
}

/* ---- what is left ---- */

void proc_left_nobody(struct proc *p)
{
    proc_feed(p, (struct proc_in){.event = PROC_EV_GROUP_EMPTY});
}

/* The group first, which is one call; once it is gone its number may be anybody's. */
void proc_check_group(struct proc *p, bool asked)
{
    int pgid = proc_life(p)->pgid;
    bool had = p->escaped;
    if (pgid <= 1)
        return;
    if (!p->group_gone)
        p->group_gone = kill(-pgid, 0) < 0 && errno == ESRCH;
    if (!p->group_gone && !asked)
        return;
    p->escaped = orphans_may_live(p);
    if (p->group_gone && !p->escaped)
        proc_left_nobody(p);
    else if (p->escaped && (asked || !had))
        orphans_seek(p);
}

void procs_check_sweeps(struct sup *s)
{
    orphans_look_begin(s);
    for (struct proc *p = TAILQ_FIRST(&s->sweeping), *next; p; p = next) {
        next = TAILQ_NEXT(p, sweep);
        proc_check_group(p, false);
    }
    orphans_look_end(s);
}

/* A look that was due may have been cut short, and so may the end of a round. A deadline comes
 * first, before the search and before the reaping: each search ends with a reap, and a fault there
 * would have the next supd search again, and never come to KILL. */
static void go_on_sweeping(struct proc *p)
{
    int pgid = proc_life(p)->pgid;
    if (pgid <= 1)
        return;
    p->group_gone = kill(-pgid, 0) < 0 && errno == ESRCH;
    p->escaped = orphans_may_live(p);
    if (p->group_gone && !p->escaped)
        proc_left_nobody(p);
    else if (mono_reached(proc_next(proc_life(p)), mono_now()))
        proc_feed(p, (struct proc_in){.event = PROC_EV_TIMER});
    else if (p->escaped)
        orphans_seek(p);
}

void procs_go_on_sweeping(struct sup *s)
{
    orphans_look_begin(s);
    for (struct proc *p = TAILQ_FIRST(&s->sweeping), *next; p; p = next) {
        next = TAILQ_NEXT(p, sweep);
        go_on_sweeping(p);
    }
    orphans_look_end(s);
}

/* A group that we still sweep under it has gone, and what comes now is not to be hit in its place.
 */
void procs_number_taken(struct sup *s, int pgid)
{
    struct proc *p = procs_by_number(s, pgid);
    if (!p || !p->sweeping)
        return;
    p->group_gone = true;
    proc_check_group(p, true);
    if (p->sweeping)
        proc_unhash(p);
}
