/* start, stop, restart: one task watches all the processes that a request names, and answers when
 * each of them got where it should. */
#include "supervisor/base/log.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/precheck.h"
#include "supervisor/run/verb.h"

#include <stdlib.h>
#include <string.h>

#define SOON DUR_MS(50)     /* a start that is not waited for may fail for so long */
#define EXEC_LOOK DUR_MS(1) /* so often, and for so long, the exec of one that is up is awaited */
#define EXEC_LIMIT DUR_S(1)
#define REPORT_FIRST DUR_MS(50) /* what stops as it should is not worth a line */
#define REPORT_EACH DUR_S(2)

struct task;

/* one process of a task */
struct target {
    struct proc_waiter waiter;
    struct task *task;
    struct proc *proc; /* NULL: settled */
    bool told;         /* what to do: its changes count */
    bool up;           /* with startsecs=0, which says nothing of its exec yet */
};

/* What a verb does to a process, and what a change of its state means then. */
struct task_kind {
    /* does it; or says at once why not: a code, and a text. strict: as Supervisor judges it */
    const char *(*act)(struct proc *p, bool strict, const char **out_text);
    /* "" if the change settles it well, a code if badly, NULL if not yet */
    const char *(*judge)(struct proc *p, const struct proc_change *c);
};

struct task {
    const struct task_kind *kind;
    struct ctl_req *rq;
    struct sup *sup;
    size_t n, pending, failed;
    bool building;            /* the processes are still being told: no end yet */
    bool strict;              /* for supd-agent, which asks for Supervisor's clients */
    bool wait, named;         /* for the result; it is about one process that was named */
    bool looks;               /* at commands, before it starts anything */
    struct precheck *check;   /* what was seen then, or NULL */
    struct loop_timer soon;   /* strict and not to be waited for: what fails at once may */
    struct loop_timer report; /* of a stop: who takes its time */
    struct loop_timer exec;   /* looks at those that are up */
    mono_t exec_due;
    struct target targets[];
};

static void end_if_done(struct task *t)
{
    if (t->pending > 0 || t->building)
        return;
    loop_timer_stop(&t->soon);
    loop_timer_stop(&t->report);
    loop_timer_stop(&t->exec);
    precheck_free(t->sup, &t->check);
    verb_finish(t->rq, t->failed);
    free(t);
}

static bool failed_to_start(const struct proc_life *l)
{
    return l->why == PROC_WHY_QUICK || l->why == PROC_WHY_RETRIES || l->why == PROC_WHY_WINDOW ||
           l->why == PROC_WHY_FAILED || l->why == PROC_WHY_UNREADY;
}

/* Why it came to this, for people: the failed step, or how it exited, or who changed its state. */
static void say_why(const struct proc *p, struct str *out)
{
    char buf[ERR_MAX];
    const struct proc_life *l = proc_life(p);
    if (order_is_held(p)) {
        str_puts(out, "waiting for ");
        order_waits_for(p, out);
    } else if (l->has_exit && failed_to_start(l)) {
        const struct gen_order *o = gen_order(p->gen->gen, proc_opts(p));
        bool told = o && o->ready != READY_STARTSECS;
        str_puts(out, proc_is_once(p) ? "failed: "
                      : told          ? "ended before it was ready: "
                                      : "exited too quickly: ");
        proc_status_text(out, l->exit_status);
    } else {
        str_puts(out, proc_spawnerr(p, buf, sizeof(buf)));
    }
    if (!out->len)
        str_puts(out, proc_why_text((enum proc_why)l->why));
}

static void say_result(struct target *tg, const char *code)
{
    char name[PROC_NAME_MAX], error[ERR_MAX];
    struct str text = STR_INIT;
    const char *fault =
        *code && tg->task->strict ? launch_fault(tg->proc, error, sizeof(error)) : NULL;
    if (fault)
        str_puts(&text, error);
    else if (*code)
        say_why(tg->proc, &text);
    verb_result(tg->task->rq, proc_fullname(tg->proc, name, sizeof(name)),
                fault   ? fault
                : *code ? code
                        : NULL,
                str_text(&text));
    str_fini(&text);
}

static void settle_target(struct target *tg)
{
    proc_unwait(tg->proc, &tg->waiter);
    tg->proc = NULL;
    tg->task->pending--;
    end_if_done(tg->task);
}

/* Nobody waits for it, and it did start: how that went on is not asked. */
static bool is_later(const struct task *t, const struct proc_change *c)
{
    return loop_timer_active(&t->soon) && c->why == PROC_WHY_QUICK;
}

/* A step of its start has failed, which its death will tell. */
static bool exec_failed(const struct proc *p)
{
    return state_cell(proc_sup(p)->state, p->slot)->step != SPAWN_OK;
}

/* RUNNING came before anybody knew whether it can be executed. Supervisor's clients are told so. */
static bool awaits_exec(struct task *t, const struct proc *p, const struct proc_change *c)
{
    if (t->strict || c->to != PROC_RUNNING || c->why != PROC_WHY_UP ||
        (!exec_failed(p) && !spawn_in_flight()))
        return false;
    if (!loop_timer_active(&t->exec)) {
        t->exec_due = mono_add(mono_now(), EXEC_LIMIT);
        loop_timer_at(&t->exec, mono_add(mono_now(), EXEC_LOOK));
    }
    return true;
}

static void on_exec(struct task *t)
{
    bool late = mono_reached(t->exec_due, mono_now()), flying = spawn_in_flight(), any = false;
    t->building = true;
    for (size_t i = 0; i < t->n; i++) {
        struct target *tg = &t->targets[i];
        if (!tg->proc || !tg->up)
            continue;
        if (late || (!flying && !exec_failed(tg->proc))) {
            say_result(tg, "");
            settle_target(tg);
        } else {
            any = true;
        }
    }
    t->building = false;
    if (any)
        loop_timer_at(&t->exec, mono_add(mono_now(), EXEC_LOOK));
    end_if_done(t);
}

static void on_change(void *obj, struct proc *p, const struct proc_change *c, bool gone)
{
    struct target *tg = obj;
    if (!tg->told && !gone)
        return;
    const char *code = gone ? wire_code_name(WIRE_ABNORMAL) : tg->task->kind->judge(p, c);
    if (tg->up && !gone && c->why != PROC_WHY_CANNOT)
        code = ""; /* it was executed */
    tg->up = !gone && code && !*code && awaits_exec(tg->task, p, c);
    if (!code || tg->up)
        return;
    if (!gone && is_later(tg->task, c))
        code = "";
    tg->task->failed += *code != '\0';
    if (gone) {
        char name[PROC_NAME_MAX];
        verb_result(tg->task->rq, proc_fullname(p, name, sizeof(name)), code, "it was removed");
    } else {
        say_result(tg, code);
    }
    settle_target(tg);
}

static void drop(struct task *t)
{
    loop_timer_stop(&t->soon);
    loop_timer_stop(&t->report);
    loop_timer_stop(&t->exec);
    precheck_free(t->sup, &t->check);
    for (size_t i = 0; i < t->n; i++)
        if (t->targets[i].proc)
            proc_unwait(t->targets[i].proc, &t->targets[i].waiter);
    free(t);
}

/* the client is gone: nobody waits any more, what was begun goes on */
static void on_cancel(struct ctl_req *rq)
{
    drop(rq->data);
}

/* What has not failed by now may go on without us. */
static void on_soon(struct task *t)
{
    t->building = true;
    for (size_t i = 0; i < t->n; i++)
        if (t->targets[i].proc) {
            say_result(&t->targets[i], "");
            settle_target(&t->targets[i]);
        }
    t->building = false;
    end_if_done(t);
}

static void settle_at_once(struct target *tg, const char *code, const char *text)
{
    char name[PROC_NAME_MAX];
    tg->task->failed += code != NULL;
    verb_result(tg->task->rq, proc_fullname(tg->proc, name, sizeof(name)), code, text);
    settle_target(tg);
}

/* A client of Supervisor's is told of a command that cannot be executed, and nothing is tried. Of
 * many, those that run are left out before anybody looks. */
static bool refuse(struct task *t, struct target *tg)
{
    char why[ERR_MAX];
    if (!t->looks || (!t->named && proc_is_running(proc_life(tg->proc))))
        return false;
    const char *code =
        precheck_fault(t->check, (size_t)(tg - t->targets), tg->proc, why, sizeof(why));
    if (code)
        settle_at_once(tg, code, why);
    return code;
}

static void begin_target(struct task *t, struct target *tg)
{
    const char *text = "", *code;
    struct proc *p = tg->proc;
    if (!p || refuse(t, tg))
        return;
    tg->told = true;
    code = t->kind->act(p, t->strict, &text);
    if (tg->proc && (code || !t->wait))
        settle_at_once(tg, code, text);
}

static void on_report(struct task *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct proc *p = t->targets[i].proc;
        if (p && proc_life(p)->state == PROC_STOPPING)
            log_info("waiting for %s to stop", proc_name(p));
    }
    loop_timer_at(&t->report, mono_add(loop_now(t->sup->loop), REPORT_EACH));
}

static const struct task_kind start, stop;

static void begin(struct task *t)
{
    t->building = true;
    if (!t->wait && t->looks) {
        t->wait = true;
        loop_timer_at(&t->soon, mono_add(loop_now(t->sup->loop), SOON));
    }
    if (t->wait && t->kind == &stop)
        loop_timer_at(&t->report, mono_add(loop_now(t->sup->loop), REPORT_FIRST));
    for (size_t i = 0; i < t->n; i++)
        begin_target(t, &t->targets[i]);
    t->building = false;
    end_if_done(t);
}

static void have_looked(void *obj)
{
    struct task *t = obj;
    if (!verb_going_down(t->sup, t->rq))
        begin(t);
    else
        drop(t);
}

static struct task *task_new(struct sup *s, struct ctl_req *rq, const struct task_kind *kind,
                             const struct verb_picks *v)
{
    struct task *t = calloc(1, sizeof(*t) + v->n * sizeof(t->targets[0]));
    if (!t)
        return NULL;
    bool strict = rq->role & CTL_AGENT;
    *t = (struct task){.kind = kind,
                       .rq = rq,
                       .sup = s,
                       .n = v->n,
                       .pending = v->n,
                       .failed = v->nunknown,
                       .strict = strict,
                       .looks = strict && kind == &start,
                       .named = rq->argc == 1 && !strchr(rq->argv[0], '*')};
    rq->data = t;
    rq->cancel = on_cancel;
    LOOP_TIMER(&t->soon, s->loop, on_soon, t);
    LOOP_TIMER(&t->report, s->loop, on_report, t);
    LOOP_TIMER(&t->exec, s->loop, on_exec, t);
    for (size_t i = 0; i < v->n; i++) {
        struct target *tg = &t->targets[i];
        *tg =
            (struct target){.task = t, .proc = v->procs[i], .waiter = {.fn = on_change, .obj = tg}};
        proc_wait(tg->proc, &tg->waiter);
    }
    return t;
}

static void run_picked(struct sup *s, struct ctl_req *rq, const struct task_kind *kind, bool wait,
                       const struct verb_picks *v)
{
    struct task *t = task_new(s, rq, kind, v);
    if (!t) {
        ctl_error(rq, WIRE_BUSY, "out of memory");
        return;
    }
    t->wait = wait;
    verb_unknown(rq, v);
    t->check = t->looks && v->n ? precheck_start(s, v->procs, v->n, have_looked, t) : NULL;
    if (!t->check)
        begin(t);
}

static void run_task(struct sup *s, struct ctl_req *rq, const struct task_kind *kind)
{
    int64_t wait = 1;
    struct verb_picks v;
    if (!verb_int_option(rq, "wait", 0, 1, &wait) || !verb_pick(s, rq, rq->argv, rq->argc, &v))
        return;
    if (rq->argc == 0)
        ctl_usage(rq);
    else
        run_picked(s, rq, kind, wait, &v);
    verb_picks_fini(&v);
}

/* ---- start ---- */

static const char *say_unknown(const char **out_text)
{
    *out_text = "it could not be signalled; what became of its last instance is not known";
    return wire_code_name(WIRE_FAILED);
}

static const char *act_start(struct proc *p, bool strict, const char **out_text)
{
    const struct proc_life *l = proc_life(p);
    if (order_is_held(p)) {
        order_ask_again(p);
        return NULL;
    }
    if (!strict && l->state == PROC_STARTING)
        return NULL; /* it is not up before it is */
    if (!strict && l->state == PROC_BACKOFF) {
        proc_restart(p); /* now, not when its wait is over */
        return NULL;
    }
    if (proc_is_running(l)) {
        *out_text = "already started";
        return wire_code_name(WIRE_ALREADY_STARTED);
    }
    if (l->state == PROC_UNKNOWN)
        return say_unknown(out_text);
    proc_start(p, PROC_WHY_OPERATOR);
    return NULL;
}

/* Up, or failed at the first try (while supd goes on trying). Any RUNNING is of the new instance:
 * an old one that was up went to STOPPING in act. */
static const char *judge_up(struct proc *p, const struct proc_change *c)
{
    if (c->to == PROC_RUNNING)
        return "";
    if (c->why == PROC_WHY_BLOCKED)
        return wire_code_name(WIRE_SPAWN_ERROR);
    if (c->to == PROC_BACKOFF || c->to == PROC_FATAL)
        return wire_code_name(c->why == PROC_WHY_SHUTDOWN ? WIRE_ABNORMAL : WIRE_SPAWN_ERROR);
    bool delayed = c->why == PROC_WHY_CANNOT && proc_life(p)->want; /* no room for its exec */
    if (c->to == PROC_EXITED)
        return delayed ? NULL : wire_code_name(WIRE_ABNORMAL);
    if (c->to == PROC_UNKNOWN)
        return wire_code_name(WIRE_FAILED);
    /* STOPPED and STOPPING are a way station, unless someone stopped it meanwhile */
    return c->to == PROC_STARTING || proc_life(p)->want ? NULL : wire_code_name(WIRE_ABNORMAL);
}

/* ---- stop ---- */

static const char *act_stop(struct proc *p, bool strict, const char **out_text)
{
    const struct proc_life *l = proc_life(p);
    if (l->state == PROC_STOPPING && !strict) {
        proc_stop(p); /* it may be on its way to a new start */
        return NULL;
    }
    if (proc_is_running(l)) {
        proc_stop(p);
        return NULL;
    }
    if (l->state == PROC_UNKNOWN && !strict)
        return say_unknown(out_text);
    bool pending = l->state != PROC_STOPPING && (l->due.ns || l->sweep);
    proc_stop(p);
    if (pending)
        return NULL;
    *out_text = "not running";
    return wire_code_name(WIRE_NOT_RUNNING);
}

static const char *judge_down(struct proc *p, const struct proc_change *c)
{
    (void)p;
    if (c->to == PROC_UNKNOWN)
        return wire_code_name(WIRE_FAILED);
    return c->to == PROC_STOPPED || c->to == PROC_EXITED || c->to == PROC_FATAL ? "" : NULL;
}

/* ---- restart ---- */

static const char *act_restart(struct proc *p, bool strict, const char **out_text)
{
    if (proc_life(p)->state == PROC_UNKNOWN || order_is_held(p))
        return act_start(p, strict, out_text);
    proc_restart(p);
    return NULL;
}

static const struct task_kind start = {act_start, judge_up};
static const struct task_kind stop = {act_stop, judge_down};
static const struct task_kind restart = {act_restart, judge_up};

void verb_start(void *obj, struct ctl_req *rq)
{
    if (!verb_going_down(obj, rq))
        run_task(obj, rq, &start);
}

void verb_stop(void *obj, struct ctl_req *rq)
{
    run_task(obj, rq, &stop);
}

void verb_restart(void *obj, struct ctl_req *rq)
{
    if (!verb_going_down(obj, rq))
        run_task(obj, rq, &restart);
}
