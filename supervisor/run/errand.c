/* Commands beside processes: their queue, their children, their time. */
#include "supervisor/run/errand_impl.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/log.h"
#include "supervisor/base/text.h"
#include "supervisor/io/reap.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/errand_env.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/settle.h"
#include "supervisor/run/shutdown.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define KILL_LIMIT DUR_S(2)     /* so long may the end of a killed one take */
#define SHOTS 2                 /* then it hangs in the kernel */
#define AGAIN_BUSY DUR_MS(2)    /* all places for starts are taken */
#define AGAIN_SHORT DUR_MS(200) /* the system has no room for a process */

static void pump(struct errands *q);

struct errands *errands_of(struct sup *s)
{
    if (s->errands || !state_errands(s->state))
        return s->errands;
    struct errands *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->sup = s;
    TAILQ_INIT(&q->waiting);
    TAILQ_INIT(&q->running);
    LOOP_DEFER(&q->pump, pump, q);
    LOOP_TIMER(&q->again, s->loop, pump, q);
    return s->errands = q;
}

static dur_t limit_of(const struct errand *t)
{
    const struct gen_commands *c = errand_commands(t);
    const uint8_t which = t->rec->which;
    return (dur_t){which == GEN_STOP_COMMAND     ? c->stop_ns
                   : which == GEN_RELOAD_COMMAND ? c->reload_ns
                                                 : c->hook_ns};
}

/* ---- the end of one ---- */

void errand_drop(struct errand *t)
{
    struct errands *q = t->sup->errands;
    bool running = t->rec->running;
    TAILQ_REMOVE(running ? &q->running : &q->waiting, t, link);
    if (errand_is_hook(t))
        (*(running ? &q->nhooks : &q->nwaiting))--;
    loop_timer_stop(&t->timer);
    __atomic_store_n(&t->rec->used, 0, __ATOMIC_RELEASE);
    live_gen_unref(&t->gen);
    free(t);
}

static void say_lost(struct errands *q)
{
    if (q->lost > 1)
        log_error("%u hooks in all were not run, since too many waited already", q->lost);
    q->lost = 0;
}

static void say_end(const struct errand *t, const char *failure)
{
    char name[PROC_NAME_MAX];
    struct state_errand_totals *n = state_errand_totals(t->sup->state);
    n->run++;
    n->failed += failure != NULL;
    errand_name(t->gen->gen, t->conf, name, sizeof(name));
    if (failure && !t->cut_short)
        log_warn("%s: %s failed: %s", name, gen_command_name(t->rec->which), failure);
    else
        log_debug("%s: %s has ended well", name, gen_command_name(t->rec->which));
}

static void errand_end(struct errand *t, const char *failure)
{
    struct sup *s = t->sup;
    struct errands *q = s->errands;
    struct proc *p = t->rec->which == GEN_STOP_COMMAND ? t->proc : NULL;
    errand_done_fn *done = t->done;
    void *obj = t->obj;
    say_end(t, failure);
    errand_drop(t);
    if (TAILQ_EMPTY(&q->waiting))
        say_lost(q);
    else
        loop_defer(s->loop, &q->pump);
    if (done)
        done(obj, failure);
    if (p) {
        p->commanding = false;
        proc_feed(p, (struct proc_in){.event = PROC_EV_COMMAND});
    }
    settle_later(s);
}

static void kill_group(const struct errand *t)
{
    if (t->rec->running && t->rec->cell.pid > 1)
        kill(-t->rec->cell.pid, SIGKILL);
}

static void set_due(struct errand *t, dur_t d)
{
    t->rec->due = mono_add(mono_now(), d);
    loop_timer_at(&t->timer, t->rec->due);
}

static void errand_shoot(struct errand *t)
{
    t->killed = true;
    t->shots++;
    kill_group(t);
    set_due(t, KILL_LIMIT);
}

/* What was frozen with us has not had its time, or is dead and not reaped yet. */
static bool is_forgiven(struct errand *t)
{
    dur_t more = due_forgiven(t->rec->due, mono_now());
    if (!more.ns && t->killed && reap_look(t->rec->cell.pid) != REAP_ALIVE)
        more = KILL_LIMIT;
    if (more.ns)
        set_due(t, more);
    return more.ns;
}

static void errand_late(struct errand *t)
{
    char limit[DUR_TEXT];
    struct err e;
    if (t->lost_track) {
        errand_end(t, "it ended while another supd took over, and nobody knows how");
    } else if (!t->rec->running) {
        errand_end(t, "its time was over before the system had room for it");
    } else if (is_forgiven(t)) {
        return;
    } else if (t->shots < SHOTS) {
        t->late |= !t->killed;
        errand_shoot(t);
    } else {
        err_set(&e, "it took more than %s, and does not even end by SIGKILL: going on without it",
                dur_format(limit_of(t), limit, sizeof(limit)));
        errand_end(t, e.msg);
    }
}

/* How it ended: "" if well. */
static void explain(const struct errand *t, int status, struct err *e)
{
    char limit[DUR_TEXT];
    struct spawn_request rq;
    struct str text = STR_INIT;
    const struct gen_command *c = &errand_commands(t)->command[t->rec->which];
    e->msg[0] = '\0';
    if (t->rec->cell.step && launch_beside(t->sup, t->gen->gen, t->conf, c, &text, &rq)) {
        spawn_explain(&rq, &t->rec->cell, e);
    } else if (t->late) {
        err_set(e, "it took more than %s and was killed",
                dur_format(limit_of(t), limit, sizeof(limit)));
    } else if (status) {
        proc_status_text(&text, status);
        err_set(e, "%s", str_text(&text));
    }
    str_fini(&text);
}

static struct errand *by_pid(const struct sup *s, int pid)
{
    struct errand *t = NULL;
    if (s->errands)
        TAILQ_FOREACH (t, &s->errands->running, link)
            if (t->rec->cell.pid == pid)
                break;
    return t;
}

bool errands_peeked(struct sup *s, int pid)
{
    struct errand *t = by_pid(s, pid);
    if (t)
        kill_group(t); /* while its number is still its own */
    return t;
}

bool errands_reaped(struct sup *s, int pid, int status)
{
    struct err e;
    struct errand *t = by_pid(s, pid);
    if (!t)
        return false;
    explain(t, status, &e);
    errand_end(t, e.msg[0] ? e.msg : NULL);
    return true;
}

/* ---- the start of one ---- */

static void set_output(const struct errand *t, struct spawn_request *rq)
{
    for (int i = 0; t->proc && i < 2; i++)
        if (t->proc->log[i])
            rq->fds[1 + i] = logs_write_fd(t->proc->log[i]);
}

static enum spawn_result spawn_it(struct errand *t, int *out_errnum)
{
    struct spawn_request rq;
    struct str more = STR_INIT;
    struct state_errand *rec = t->rec;
    const struct gen_command *c = &errand_commands(t)->command[rec->which];
    errand_env(t->gen->gen, t->conf, rec, &more);
    bool ready = launch_beside(t->sup, t->gen->gen, t->conf, c, &more, &rq);
    str_fini(&more);
    *out_errnum = ENOMEM;
    if (!ready)
        return SPAWN_REFUSED;
    set_output(t, &rq);
    rec->cell = (struct spawn_cell){0};
    __atomic_store_n(&rec->phase, (uint8_t)STATE_SPAWNING, __ATOMIC_RELEASE);
    enum spawn_result r = spawn_start(&rq, &rec->cell, out_errnum);
    rec->running = r == SPAWN_STARTED;
    __atomic_store_n(&rec->phase, (uint8_t)STATE_IDLE, __ATOMIC_RELEASE);
    return r;
}

void errand_started(struct errand *t)
{
    struct sup *s = t->sup;
    struct errands *q = s->errands;
    TAILQ_REMOVE(&q->waiting, t, link);
    TAILQ_INSERT_TAIL(&q->running, t, link);
    if (errand_is_hook(t)) {
        q->nwaiting--;
        q->nhooks++;
    }
    if (!t->rec->due.ns)
        t->rec->due = mono_add(mono_now(), limit_of(t));
    loop_timer_at(&t->timer, t->rec->due);
    log_debug("%s: %s has pid %d", gen_str(t->gen->gen, t->conf->name),
              gen_command_name(t->rec->which), t->rec->cell.pid);
    procs_command_started(s, t->rec->cell.pid);
}

/* True: the next one may be tried at once. */
static bool start_one(struct errand *t)
{
    int errnum;
    struct err e;
    struct errands *q = t->sup->errands;
    switch (spawn_it(t, &errnum)) {
    case SPAWN_STARTED:
        errand_started(t);
        return true;
    case SPAWN_BUSY:
        loop_timer_at(&q->again, mono_add(mono_now(), AGAIN_BUSY));
        return false;
    case SPAWN_REFUSED:
        state_totals(t->sup->state)->spawn_refused++;
        loop_timer_at(&q->again, mono_add(mono_now(), AGAIN_SHORT));
        return false;
    case SPAWN_FAILED:
        break;
    }
    err_errno(&e, errnum, "cannot start it");
    errand_end(t, e.msg);
    return true;
}

/* Its turn has not come: too many run, or one of the same process does, or what that left behind is
 * being looked for, where one that starts now would be taken for it. */
static bool has_to_wait(const struct errands *q, const struct errand *t)
{
    const struct errand *r;
    if (t->proc && t->proc->sought)
        return true;
    if (!errand_is_hook(t))
        return false;
    if (q->nhooks >= ERRAND_HOOKS_AT_ONCE)
        return true;
    TAILQ_FOREACH (r, &q->running, link)
        if (r->owner && r->owner == t->owner && errand_is_hook(r))
            return true;
    return false;
}

static struct errand *next_of(struct errands *q)
{
    struct errand *t;
    TAILQ_FOREACH (t, &q->waiting, link)
        if (!has_to_wait(q, t))
            return t;
    return NULL;
}

static void pump(struct errands *q)
{
    struct errand *t;
    while ((t = next_of(q)) && start_one(t))
        ;
}

void errands_go_on(struct sup *s)
{
    if (s->errands)
        loop_defer(s->loop, &s->errands->pump);
}

/* ---- asking for one ---- */

static struct state_errand *free_record(struct errands *q)
{
    struct state_errand *v = state_errands(q->sup->state);
    for (uint32_t i = 0; i < STATE_ERRANDS; i++) {
        uint32_t at = (q->look + i) % STATE_ERRANDS;
        if (!v[at].used) {
            q->look = at; /* low ones are used again: the others cost no memory */
            return v + at;
        }
    }
    return NULL;
}

static void fill_record(struct state_errand *rec, const struct proc *p, unsigned which,
                        const struct errand_facts *f)
{
    const struct proc_life *l = proc_life(p);
    *rec = (struct state_errand){
        .which = (uint8_t)which,
        .has_exit = f->has_exit,
        .expected = f->expected,
        .gen = p->gen->id,
        .proc_index = (uint32_t)(p->conf - gen_procs(p->gen->gen)),
        .slot = p->slot + 1,
        .pid = f->pid,
        .status = f->status,
        .state = f->state,
        .why = f->why,
        .tries = l->tries,
        .starts = l->starts,
        .restarts = l->restarts,
    };
}

struct errand *errand_add(struct errands *q, struct live_gen *gen, const struct gen_proc *conf,
                          struct state_errand *rec)
{
    struct errand *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    *t = (struct errand){.sup = q->sup, .gen = live_gen_ref(gen), .conf = conf, .rec = rec};
    LOOP_TIMER(&t->timer, q->sup->loop, errand_late, t);
    TAILQ_INSERT_TAIL(&q->waiting, t, link);
    q->nwaiting += errand_is_hook(t);
    return t;
}

static struct errand *errand_new(struct proc *p, unsigned which, const struct errand_facts *f)
{
    struct errands *q = errands_of(proc_sup(p));
    if (!q)
        return NULL;
    q->look = TAILQ_EMPTY(&q->waiting) && TAILQ_EMPTY(&q->running) ? 0 : q->look;
    struct state_errand *rec = free_record(q);
    if (!rec)
        return NULL;
    fill_record(rec, p, which, f);
    struct errand *t = errand_add(q, p->gen, p->conf, rec);
    if (!t)
        return NULL;
    t->owner = t->proc = p;
    if (!++q->count)
        q->count = 1;
    __atomic_store_n(&rec->used, q->count, __ATOMIC_RELEASE);
    loop_defer(q->sup->loop, &q->pump);
    loop_again(q->sup->loop);
    return t;
}

int errand_run(struct proc *p, unsigned which, const struct errand_facts *facts,
               errand_done_fn *done, void *obj, struct err *e)
{
    struct errand *t = errand_new(p, which, facts);
    if (!t)
        return err_set(e, "too many commands run already, or memory is short");
    t->done = done;
    t->obj = obj;
    t->rec->due = mono_add(mono_now(), limit_of(t));
    loop_timer_at(&t->timer, t->rec->due);
    return 0;
}

static unsigned waiting_of(const struct errands *q, const struct proc *p)
{
    unsigned n = 0;
    const struct errand *t;
    TAILQ_FOREACH (t, &q->waiting, link)
        n += t->proc == p;
    return n;
}

static void lose(struct proc *p, unsigned which, const char *why)
{
    char name[PROC_NAME_MAX];
    struct errands *q = proc_sup(p)->errands;
    state_errand_totals(proc_sup(p)->state)->lost++;
    if (!q || !q->lost++)
        log_error("%s: %s is not run: %s", proc_fullname(p, name, sizeof(name)),
                  gen_command_name(which), why);
}

void errand_hook(struct proc *p, unsigned which, const struct errand_facts *facts)
{
    const struct gen_commands *c = gen_commands(p->gen->gen, p->conf);
    const struct errands *q = proc_sup(p)->errands;
    if (!c || !c->command[which].argc)
        return;
    if (shutdown_is_past_hooks(proc_sup(p)))
        lose(p, which, "supd is ending");
    else if (q && q->nwaiting >= ERRAND_HOOKS_MAX)
        lose(p, which, "1024 hooks wait already");
    else if (q && waiting_of(q, p) >= ERRAND_HOOKS_OF_ONE)
        lose(p, which, "16 hooks of this process wait already");
    else if (!errand_new(p, which, facts))
        lose(p, which, "memory is short");
}

/* ---- all of them ---- */

static struct errand *find(const struct errand_list *l, const struct proc *p, unsigned which)
{
    struct errand *t;
    TAILQ_FOREACH (t, l, link)
        if (t->proc == p && t->rec->which == which)
            break;
    return t;
}

bool errand_busy(const struct proc *p, unsigned which)
{
    const struct errands *q = proc_sup(p)->errands;
    return q && (find(&q->waiting, p, which) || find(&q->running, p, which));
}

void errand_kill(struct proc *p, unsigned which)
{
    struct errands *q = proc_sup(p)->errands;
    struct errand *t = q ? find(&q->running, p, which) : NULL;
    struct errand *w = q ? find(&q->waiting, p, which) : NULL;
    if (t && !t->killed) {
        t->late = mono_reached(t->rec->due, mono_now());
        errand_shoot(t);
    }
    if (w)
        loop_timer_at(&w->timer, mono_now()); /* ends it at once */
}

static void each(struct errands *q, void (*fn)(struct errand *t, const void *obj), const void *obj)
{
    struct errand *t;
    if (!q)
        return;
    TAILQ_FOREACH (t, &q->waiting, link)
        fn(t, obj);
    TAILQ_FOREACH (t, &q->running, link)
        fn(t, obj);
}

static void forget(struct errand *t, const void *obj)
{
    if (t->obj == obj)
        t->done = NULL;
}

void errands_forget(struct sup *s, const void *obj)
{
    each(s->errands, forget, obj);
}

static void orphan(struct errand *t, const void *obj)
{
    if (t->proc != obj)
        return;
    t->proc = NULL;
    t->rec->slot = 0;
}

void errands_orphan(struct proc *p)
{
    each(proc_sup(p)->errands, orphan, p);
}

bool errand_is(const struct sup *s, int pid)
{
    return by_pid(s, pid);
}

bool errands_any(const struct sup *s)
{
    const struct errands *q = s->errands;
    return q && (!TAILQ_EMPTY(&q->waiting) || !TAILQ_EMPTY(&q->running));
}

static bool is_about_an_end(const struct errand *t)
{
    return t->rec->which == GEN_HOOK_EXIT || t->rec->which == GEN_HOOK_FATAL;
}

static void cut_short(struct errand *t)
{
    t->cut_short = true;
    t->done = NULL;
    errand_shoot(t);
}

static void end_those(struct errands *q, bool all)
{
    struct errand *t, *next;
    unsigned dropped = 0, cut = 0;
    for (t = q ? TAILQ_FIRST(&q->waiting) : NULL; t; t = next) {
        next = TAILQ_NEXT(t, link);
        if (!all && is_about_an_end(t))
            continue;
        dropped++;
        errand_drop(t);
    }
    for (t = q ? TAILQ_FIRST(&q->running) : NULL; t; t = TAILQ_NEXT(t, link)) {
        if (!t->killed && (all || !is_about_an_end(t))) {
            cut++;
            cut_short(t);
        }
    }
    if (dropped || cut)
        log_warn("the shutdown does not wait for them: %u commands beside programs are cut short, "
                 "%u are not run",
                 cut, dropped);
}

bool errands_only_ends(struct sup *s)
{
    end_those(s->errands, false);
    return errands_any(s);
}

void errands_end(struct sup *s)
{
    end_those(s->errands, true);
}

void errands_free(struct sup *s)
{
    struct errands *q = s->errands;
    struct errand *t;
    if (!q)
        return;
    while ((t = TAILQ_FIRST(&q->waiting)) || (t = TAILQ_FIRST(&q->running)))
        errand_drop(t);
    loop_timer_stop(&q->again);
    loop_defer_cancel(s->loop, &q->pump);
    s->errands = NULL;
    free(q);
}
