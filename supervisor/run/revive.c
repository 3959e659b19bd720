/* Processes that another supd left to us: each goes on where its record says that it stood. */
#include "supervisor/base/log.h"
#include "supervisor/io/reap.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/publish.h"
#include "supervisor/run/readiness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct proc *proc_revive(struct sup *s, struct group *g, struct live_gen *gen,
                         const struct gen_proc *conf, uint32_t slot, struct err *e)
{
    struct proc *p = calloc(1, sizeof(*p));
    if (!p || due_reserve(&s->due, s->nprocs + 1) < 0) {
        free(p);
        err_errno(e, ENOMEM, "cannot go on with %s", gen_str(gen->gen, conf->name));
        return NULL;
    }
    p->group = g;
    p->gen = live_gen_ref(gen);
    p->conf = conf;
    p->slot = slot;
    s->nprocs++;
    order_follow(p, true);
    return p;
}

/* The kernel wrote the pid, if there is a child. */
static void finish_spawn(struct proc *p)
{
    int pid = state_cell(proc_sup(p)->state, p->slot)->pid;
    if (pid <= 0 || reap_look(pid) == REAP_GONE) {
        proc_enqueue(p);
        return;
    }
    proc_hash(p, pid);
    state_totals(proc_sup(p)->state)->spawned++;
    proc_feed(p, (struct proc_in){.event = PROC_EV_SPAWNED, .pid = pid});
    publish_spawned(p, pid);
    readiness_start(p, pid, true);
}

/* Its status is known. Whoever was reaped is nobody's child, or a stranger with the same number. */
static void finish_reap(struct proc *p, const struct state_rec *rec)
{
    int pid = rec->peek_pid, status = rec->peek_status;
    proc_hash(p, pid);
    if (reap_look(pid) == REAP_DEAD)
        return; /* the reaper finds it again */
    procs_reaped(proc_sup(p), pid, status);
    procs_bury(proc_sup(p));
}

static void finish_running(struct proc *p, const struct proc_life *l)
{
    int pid = l->pid;
    proc_hash(p, pid);
    if (reap_look(pid) != REAP_GONE) {
        readiness_start(p, pid, true);
        return;
    }
    log_error("%s: pid %d is no child of ours any more, and nobody knows how it ended",
              proc_name(p), pid);
    procs_reaped(proc_sup(p), pid, SIGKILL);
    procs_bury(proc_sup(p));
}

/* A record that is not whole: what is sure is the pid that the kernel wrote last. */
static void repair(struct proc *p)
{
    struct state_rec rec = *state_get(proc_sup(p)->state, p->slot);
    int pid = state_cell(proc_sup(p)->state, p->slot)->pid;
    bool child = reap_look(pid) != REAP_GONE;
    log_error("%s: its record is damaged; going on %s", proc_name(p),
              child ? "with the process that was started last" : "as if it had never run");
    proc_init(&rec.life);
    rec.life.want = child;
    rec.phase = STATE_IDLE;
    rec.life.state = child ? PROC_STARTING : PROC_STOPPED;
    rec.life.spawning = child;
    state_put(proc_sup(p)->state, p->slot, &rec);
    if (child)
        finish_spawn(p);
}

/* What it was to take over it has taken over, and was started with it. */
static void drop_taken(struct proc *p)
{
    if (!p->next_gen || p->next_gen != p->gen || proc_next_conf(p) != p->conf || proc_is_down(p))
        return;
    live_gen_unref(&p->next_gen);
    proc_note(p);
}

void proc_go_on(struct proc *p)
{
    struct state *state = proc_sup(p)->state;
    const struct state_rec rec = *state_get(state, p->slot);
    if (!state_good(state, p->slot))
        repair(p);
    else if (rec.phase == STATE_SPAWNING)
        finish_spawn(p);
    else if (rec.phase == STATE_PEEKED)
        finish_reap(p, &rec);
    else if (rec.life.pid)
        finish_running(p, &rec.life);
    else if (rec.life.spawning)
        proc_enqueue(p);
    if (rec.signal && (!rec.life.pid || reap_look(rec.life.pid) == REAP_ALIVE))
        proc_signal_again(p);
    drop_taken(p);
    if (!proc_life(p)->pid && !proc_life(p)->spawning)
        readiness_stop(p); /* what was cut short */
    proc_arm(p);
    const struct proc_life *l = proc_life(p);
    if (l->state == PROC_STOPPING && !l->stop_step && !p->commanding) /* it never came to it */
        proc_feed(p, (struct proc_in){.event = PROC_EV_COMMAND});
    order_moved(p);
    memory_watch(p);
}
