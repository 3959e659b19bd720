/* reload NAME...: sends reload_signal, or runs reload_command and tells how that ended. */
#include "supervisor/run/verb_reload.h"
#include "supervisor/base/text.h"
#include "supervisor/run/hooks.h"

#include <stdlib.h>
#include <string.h>

struct task;

/* one process whose command runs */
struct target {
    struct task *task;
    char *name;
};

struct task {
    struct ctl_req *rq;
    struct sup *sup;
    size_t n, pending, failed;
    bool building; /* commands are still being begun: no end yet */
    struct target targets[];
};

static void end_if_done(struct task *t)
{
    if (t->pending || t->building)
        return;
    verb_finish(t->rq, t->failed);
    for (size_t i = 0; i < t->n; i++)
        free(t->targets[i].name);
    free(t);
}

static void result(struct task *t, const char *name, enum wire_code code, const char *text)
{
    t->failed++;
    verb_result(t->rq, name, wire_code_name(code), text);
}

static void command_done(void *obj, const char *failure)
{
    struct target *tg = obj;
    struct task *t = tg->task;
    struct err e;
    if (failure)
        err_set(&e, "reload_command: %s", failure);
    if (failure)
        result(t, tg->name, WIRE_FAILED, e.msg);
    else
        verb_result(t->rq, tg->name, NULL, NULL);
    ctl_push(t->rq);
    t->pending--;
    end_if_done(t);
}

/* the client is gone: what was begun goes on */
static void on_cancel(struct ctl_req *rq)
{
    struct task *t = rq->data;
    for (size_t i = 0; i < t->n; i++) {
        errands_forget(t->sup, &t->targets[i]);
        free(t->targets[i].name);
    }
    free(t);
}

static void by_signal(struct task *t, struct proc *p, const char *name, int sig)
{
    struct err e;
    if (proc_signal(p, sig, &e) < 0)
        result(t, name, WIRE_FAILED, e.msg);
    else
        verb_result(t->rq, name, NULL, NULL);
}

static void by_command(struct task *t, struct target *tg, struct proc *p, const char *name,
                       bool wait)
{
    struct err e;
    tg->name = strdup(name);
    if (!tg->name)
        err_set(&e, "out of memory");
    else if (hooks_reload(p, wait ? command_done : NULL, tg, &e) == 0) {
        t->pending += wait;
        if (!wait)
            verb_result(t->rq, name, NULL, NULL);
        return;
    }
    result(t, name, WIRE_FAILED, e.msg);
}

static void reload_one(struct task *t, struct target *tg, struct proc *p, bool wait)
{
    char name[PROC_NAME_MAX];
    const struct gen_commands *c = gen_commands(p->gen->gen, p->conf);
    const struct proc_life *l = proc_life(p);
    bool command = c && c->command[GEN_RELOAD_COMMAND].argc;
    proc_fullname(p, name, sizeof(name));
    if (!command && (!c || !c->reload_signal))
        result(t, name, WIRE_FAILED,
               "it has neither reload_command nor reload_signal; `supctl restart` would do");
    else if (!l->pid || l->state == PROC_STOPPING)
        result(t, name, WIRE_NOT_RUNNING, l->pid ? "it is being stopped" : "not running");
    else if (command)
        by_command(t, tg, p, name, wait);
    else
        by_signal(t, p, name, c->reload_signal);
}

static void run(struct sup *s, struct ctl_req *rq, const struct verb_picks *v, bool wait)
{
    struct task *t = calloc(1, sizeof(*t) + v->n * sizeof(t->targets[0]));
    if (!t) {
        ctl_error(rq, WIRE_BUSY, "out of memory");
        return;
    }
    *t = (struct task){.rq = rq, .sup = s, .n = v->n, .building = true};
    rq->data = t;
    rq->cancel = on_cancel;
    verb_unknown(rq, v);
    t->failed = v->nunknown;
    for (size_t i = 0; i < v->n; i++) {
        t->targets[i].task = t;
        reload_one(t, &t->targets[i], v->procs[i], wait);
    }
    t->building = false;
    end_if_done(t);
}

static bool names_any(const struct ctl_req *rq)
{
    for (size_t i = 0; i < rq->argc; i++)
        if (strncmp(rq->argv[i], "wait=", 5) != 0)
            return true;
    return false;
}

bool reload_programs(struct sup *s, struct ctl_req *rq)
{
    int64_t wait = 1;
    struct verb_picks v;
    if (!names_any(rq))
        return false;
    if (verb_going_down(s, rq) || !verb_int_option(rq, "wait", 0, 1, &wait) ||
        !verb_pick(s, rq, rq->argv, rq->argc, &v))
        return true;
    run(s, rq, &v, wait);
    verb_picks_fini(&v);
    return true;
}
