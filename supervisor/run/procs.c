/* Drives one process: feeds its machine, does what the machine says. */
#include "supervisor/run/procs_impl.h"
#include "supervisor/base/fault.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/io/cgroup.h"
#include "supervisor/run/exitpol.h"
#include "supervisor/run/fcgi.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/hooks.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/orphans.h"
#include "supervisor/run/publish.h"
#include "supervisor/run/readiness.h"
#include "supervisor/run/settle.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/streams.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const struct proc_life *proc_life(const struct proc *p)
{
    return &state_get(proc_sup(p)->state, p->slot)->life;
}

void proc_close_stdin(struct proc *p)
{
    int32_t *fd = proc_stdin(p);
    int had = *fd;
    *fd = 0; /* first: nobody may take over what is closed */
    if (had > 0)
        close(had);
}

/* In an order that is right after each store. */
void proc_note(struct proc *p)
{
    struct state_link *k = state_link(proc_sup(p)->state, p->slot);
    __atomic_store_n(&k->next_gen, 0, __ATOMIC_RELEASE);
    k->marks =
        (p->doomed ? STATE_DOOMED : 0u) | (p->start_after ? STATE_START_AFTER : 0u) |
        (p->group->doomed ? STATE_GROUP_DOOMED : 0u) | (p->group->renew ? STATE_GROUP_RENEW : 0u) |
        (p->group->updating ? STATE_GROUP_UPDATING : 0u) | (p->in_cgroup ? STATE_IN_CGROUP : 0u) |
        (p->leaving ? STATE_LEAVING : 0u) | (p->leaving_again ? STATE_LEAVING_AGAIN : 0u);
    k->next_index = p->next_index;
    __atomic_store_n(&k->next_gen, p->next_gen ? p->next_gen->id : 0, __ATOMIC_RELEASE);
}

/* An exec needs less than a millisecond; one that hangs is looked at this often. */
#define TIDY DUR_MS(20)
#define TIDY_AGAIN DUR_S(1)
#define TIDY_HUNG DUR_S(5)
#define MANY_STARTS 64u /* memory is given back after so many */

static void feed_event(struct proc *p, enum proc_event event)
{
    proc_feed(p, (struct proc_in){.event = event});
}

void proc_unhash(struct proc *p)
{
    if (!p->hashed_pid)
        return;
    struct proc **at = &proc_sup(p)->by_pid[(unsigned)p->hashed_pid % PID_BUCKETS];
    while (*at && *at != p)
        at = &(*at)->hash_next;
    if (*at)
        *at = p->hash_next;
    p->hashed_pid = 0;
}

void proc_hash(struct proc *p, int pid)
{
    proc_unhash(p);
    struct proc **head = &proc_sup(p)->by_pid[(unsigned)pid % PID_BUCKETS];
    p->hash_next = *head;
    *head = p;
    p->hashed_pid = pid;
}

struct proc *procs_by_number(struct sup *s, int pid)
{
    struct proc *p = s->by_pid[(unsigned)pid % PID_BUCKETS];
    while (p && p->hashed_pid != pid)
        p = p->hash_next;
    return p;
}

void proc_enqueue(struct proc *p)
{
    struct sup *s = proc_sup(p);
    if (p->queued)
        return;
    TAILQ_INSERT_TAIL(&s->spawn_queue, p, queue);
    s->nqueued++;
    p->queued = true;
    loop_defer(s->loop, &s->pump);
}

static void dequeue(struct proc *p)
{
    if (!p->queued)
        return;
    TAILQ_REMOVE(&proc_sup(p)->spawn_queue, p, queue);
    proc_sup(p)->nqueued--;
    p->queued = false;
}

/* The end of an instance comes before what follows from it; that it was up comes before its end. */
static void publish(struct proc *p, const struct proc_life *before, const struct proc_in *in,
                    const struct proc_out *out)
{
    bool exited = out->exited;
    for (unsigned i = 0; i < out->nchanges; i++) {
        if (exited && out->changes[i].to != PROC_RUNNING) {
            exited = false;
            publish_exit(p, before, in);
        }
        publish_change(p, &out->changes[i]);
        proc_tell(p, &out->changes[i]);
    }
    if (exited)
        publish_exit(p, before, in);
}

/* does what the machine said, in its order */
static void act(struct proc *p, const struct proc_life *before, const struct proc_in *in,
                const struct proc_out *out)
{
    publish(p, before, in, out);
    if (out->cancel_spawn) {
        dequeue(p);
        order_let_go(p);
        p->awaits_socket = false;
    }
    if (out->spawn)
        proc_enqueue(p);
    if (out->signal) {
        proc_send_signal(p, out);
    }
    if (out->gave_up_sweep)
        log_error("%s: processes %s %d survived SIGKILL; going on without them", proc_name(p),
                  p->group_gone ? "left behind by pid" : "of group", proc_life(p)->pgid);
    if (out->check_group)
        proc_check_group(p, true);
    if (out->end_command)
        errand_kill(p, GEN_STOP_COMMAND);
    if (out->command)
        hooks_stop(p);
}

static void set_sweeping(struct proc *p, bool sweeping)
{
    if (sweeping == p->sweeping)
        return;
    p->sweeping = sweeping;
    if (sweeping) {
        TAILQ_INSERT_TAIL(&proc_sup(p)->sweeping, p, sweep);
        proc_hash(p, proc_life(p)->pgid);
    } else {
        TAILQ_REMOVE(&proc_sup(p)->sweeping, p, sweep);
        proc_unhash(p);
        p->group_gone = p->escaped = p->found = p->seek = false;
        p->unsure = 0;
        orphans_forget(p, false);
    }
}

void proc_feed(struct proc *p, struct proc_in in)
{
    struct sup *s = proc_sup(p);
    struct state_rec rec = *state_get(s->state, p->slot);
    const struct proc_life before = rec.life;
    struct proc_policy policy;
    struct proc_out out;
    in.now = mono_now();
    in.wall = wall_now();
    in.window = state_window(s->state, p->slot);
    in.random = (uint32_t)rng_next(&s->rng);
    in.commanding = p->commanding;
    proc_policy_of(p->gen->gen, p->conf, &policy);
    proc_step(&policy, &rec.life, &in, &out);
    /* while the death of this instance is written down, other events do not end that */
    if (rec.phase != STATE_PEEKED || rec.life.pid != rec.peek_pid)
        rec.phase = STATE_IDLE;
    rec.signal = proc_signal_word(&out);
    state_put(s->state, p->slot, &rec);
    FAULT_POINT();
    set_sweeping(p, rec.life.sweep);
    const struct proc_life *l = proc_life(p);
    if (proc_is_down(p) || l->state == PROC_UNKNOWN)
        fcgi_moved(s); /* its socket closes before anybody is answered that it is down */
    act(p, &before, &in, &out);
    due_at(&s->due, p, proc_next(l));
    if (l->state == PROC_RUNNING && before.state != PROC_RUNNING)
        listeners_moved(p);
    if (before.pid && !l->pid)
        readiness_stop(p);
    order_moved(p);
    exitpol_moved(p, before.state);
    if (out.spawn && s->mood == SUP_STOPPING)
        feed_event(p, PROC_EV_SHUTDOWN);
    if (proc_is_down(p) || l->state == PROC_UNKNOWN)
        settle_later(s);
}

void proc_arm(struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    set_sweeping(p, l->sweep);
    due_at(&proc_sup(p)->due, p, proc_next(l));
}

/* so many starts behind us, and nothing to do */
static bool is_calm_again(const struct sup *s)
{
    return s->nstarts >= MANY_STARTS && !s->due.n && !s->nqueued;
}

/* A program that is being stopped has not had its time if it was frozen with us. True: it has it
 * again, once. */
static bool forgive(struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    mono_t now = mono_now(), due = proc_next(l);
    dur_t more = due_forgiven(due, now);
    if ((l->state != PROC_STOPPING && !l->sweep) || !more.ns || p->forgiven.ns == due.ns)
        return false;
    p->forgiven = due;
    due_at(&proc_sup(p)->due, p, mono_add(now, more));
    return true;
}

static void on_due(struct proc *p)
{
    struct sup *s = proc_sup(p);
    if (forgive(p))
        return;
    feed_event(p, PROC_EV_TIMER);
    if (is_calm_again(s))
        loop_timer_at(&s->tidy_timer, mono_add(mono_now(), TIDY));
}

void procs_init(struct sup *s)
{
    due_init(&s->due, s->loop, on_due);
    order_init(s);
    LOOP_DEFER(&s->pump, procs_pump, s);
    LOOP_TIMER(&s->tidy_timer, s->loop, procs_tidy, s);
    memory_init(s);
}

void procs_fini(struct sup *s)
{
    due_fini(&s->due);
    order_fini(s);
    loop_timer_stop(&s->tidy_timer);
    memory_fini(s);
}

struct proc *proc_new(struct sup *s, struct group *g, struct live_gen *gen,
                      const struct gen_proc *conf, struct err *e)
{
    bool room = due_reserve(&s->due, s->nprocs + 1) == 0;
    struct proc *p = room ? calloc(1, sizeof(*p)) : NULL;
    int64_t slot = p ? state_slot_new(s->state, e) : err_errno(e, ENOMEM, "cannot add a process");
    if (slot < 0) {
        free(p);
        return NULL;
    }
    p->group = g;
    p->gen = live_gen_ref(gen);
    p->conf = conf;
    p->slot = (uint32_t)slot;
    p->index = g->nprocs;
    struct state_rec rec = {.proc_index = (uint32_t)(conf - gen_procs(gen->gen)), .gen = gen->id};
    proc_init(&rec.life);
    state_put(s->state, p->slot, &rec);
    s->nprocs++;
    if (streams_sync(p, e) < 0) {
        proc_free(&p);
        return NULL;
    }
    order_follow(p, false);
    return p;
}

void proc_free(struct proc **pp)
{
    struct proc *p = *pp;
    *pp = NULL;
    struct sup *s = proc_sup(p);
    proc_tell_gone(p);
    errands_orphan(p);
    listeners_forget(p);
    publish_forget(p);
    order_forget(p);
    dequeue(p);
    set_sweeping(p, false);
    orphans_forget(p, true);
    cgroup_remove(&s->cgroups, p->slot);
    proc_unhash(p);
    due_at(&s->due, p, (mono_t){0});
    streams_drop(p);
    proc_close_stdin(p);
    if (p->next_gen)
        live_gen_unref(&p->next_gen);
    live_gen_unref(&p->gen);
    state_slot_free(s->state, p->slot);
    s->nprocs--;
    fcgi_moved(s);
    free(p);
}

/* A process that an update stops does not start in between: one that goes away never does, one with
 * a new configuration does so with that. True: do it now. */
static bool may_start(struct proc *p)
{
    p->start_after = true;
    if (p->next_gen)
        proc_note(p);
    return !p->next_gen && !p->doomed && !p->group->doomed;
}

void proc_start(struct proc *p, enum proc_why why)
{
    if (!may_start(p))
        return;
    order_stays(p);
    proc_feed(p, (struct proc_in){.event = PROC_EV_START, .why = why});
}

void proc_stop(struct proc *p)
{
    p->start_after = false;
    if (p->next_gen)
        proc_note(p);
    if (!order_leaves(p, false))
        feed_event(p, PROC_EV_STOP);
}

void proc_stop_by_update(struct proc *p)
{
    p->start_after = false;
    if (!order_leaves(p, false))
        proc_feed(p, (struct proc_in){.event = PROC_EV_STOP, .why = PROC_WHY_UPDATE});
}

void proc_restart(struct proc *p)
{
    if (may_start(p) && !order_leaves(p, true))
        proc_feed(p, (struct proc_in){.event = PROC_EV_RESTART, .why = PROC_WHY_OPERATOR});
}

void proc_shut(struct proc *p)
{
    order_stays(p);
    feed_event(p, PROC_EV_SHUTDOWN);
}

void proc_hasten(struct proc *p)
{
    feed_event(p, PROC_EV_HASTEN);
}

int proc_signal(struct proc *p, int sig, struct err *e)
{
    const struct proc_life *l = proc_life(p);
    if (!l->pid || !proc_is_signallable(l))
        return err_set(e, "not running");
    if (kill(l->pid, sig) < 0)
        return err_errno(e, errno, "cannot send signal %d to %d", sig, l->pid);
    return 0;
}

bool proc_is_down(const struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    return !l->pid && !l->sweep && !l->spawning && !proc_next(l).ns && proc_is_stopped(l);
}

/* A round that looks for what its last instance left would take this one for that. */
static bool is_held(struct proc *p, enum fcgi_start *out_socket)
{
    *out_socket = FCGI_WAIT;
    if (!p->sought && ((!p->ordered && !p->leaving) || order_lets_start(p)))
        *out_socket = fcgi_lets_start(p);
    return *out_socket == FCGI_WAIT;
}

/* one program off the queue; false: all spawn slots are busy */
static bool pump_one(struct sup *s, struct proc *p)
{
    struct proc_in in = {.event = PROC_EV_CANNOT};
    enum fcgi_start socket;
    if (is_held(p, &socket)) {
        dequeue(p);
        return true;
    }
    switch (socket == FCGI_FAIL ? LAUNCH_FAILED : launch(p, &in.pid)) {
    case LAUNCH_BUSY:
        return false;
    case LAUNCH_STARTED:
        in.event = PROC_EV_SPAWNED;
        procs_number_taken(s, in.pid);
        proc_hash(p, in.pid);
        s->nstarts++;
        state_totals(s->state)->spawned++;
        break;
    case LAUNCH_REFUSED:
        in.event = PROC_EV_DELAYED;
        state_totals(s->state)->spawn_refused++;
        break;
    case LAUNCH_FAILED:
        break;
    }
    dequeue(p);
    proc_feed(p, in);
    if (in.event == PROC_EV_SPAWNED) {
        publish_spawned(p, in.pid);
        readiness_start(p, in.pid, false);
        memory_watch(p);
    }
    if (in.event == PROC_EV_DELAYED)
        proc_say_shortage(p);
    return true;
}

#define PUMP_BATCH 64

/* a child that has exec'd does not wake us, and its slot holds copies of its descriptors */
void procs_tidy(struct sup *s)
{
    live_gens_tidy(s);
    if (spawn_in_flight())
        loop_timer_at(&s->tidy_timer, mono_add(mono_now(), TIDY_HUNG));
    if (publish_refused(s))
        loop_timer_at(&s->tidy_timer, mono_add(mono_now(), TIDY_AGAIN));
    if (is_calm_again(s)) {
        s->nstarts = 0;
        mem_trim();
        /* What a start needed is not needed again, and what is comes back page by page. The kernel
         * keeps these pages no less: of a process that sleeps for days it takes mapped ones, too.
         */
        mem_drop_code();
    }
}

void procs_tidy_later(struct sup *s)
{
    if (!loop_timer_active(&s->tidy_timer))
        loop_timer_at(&s->tidy_timer, mono_add(mono_now(), TIDY));
}

static void tidy_soon(struct sup *s)
{
    if (spawn_in_flight())
        loop_timer_at(&s->tidy_timer, mono_add(mono_now(), TIDY));
}

void procs_command_started(struct sup *s, int pid)
{
    procs_number_taken(s, pid);
    state_totals(s->state)->spawned++;
    procs_tidy_later(s);
}

void procs_pump(struct sup *s)
{
    for (int i = 0; i < PUMP_BATCH; i++) {
        struct proc *p = TAILQ_FIRST(&s->spawn_queue);
        if (!p) {
            tidy_soon(s);
            return;
        }
        if (!pump_one(s, p)) {
            spawn_wait(DUR_MS(1));
            break;
        }
    }
    loop_defer(s->loop, &s->pump);
    loop_again(s->loop);
}
