/* What happens to a process, as its hooks are told; and the commands that stop and reload it. */
#include "supervisor/run/hooks.h"
#include "supervisor/base/log.h"
#include "supervisor/run/procs_impl.h"

static bool has(const struct proc *p)
{
    return proc_opts(p)->commands != 0;
}

static struct errand_facts facts_now(const struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    return (struct errand_facts){.pid = l->pid, .state = l->state, .why = l->why};
}

void hooks_spawned(struct proc *p, int pid)
{
    if (!has(p))
        return;
    struct errand_facts f = facts_now(p);
    f.pid = pid;
    errand_hook(p, GEN_HOOK_START, &f);
}

void hooks_change(struct proc *p, const struct proc_change *c)
{
    bool fatal = c->to == PROC_FATAL && c->why != PROC_WHY_SHUTDOWN;
    if (!has(p) || (c->to != PROC_RUNNING && !fatal))
        return;
    const struct proc_life *l = proc_life(p);
    struct errand_facts f = {.pid = c->pid, .state = c->to, .why = c->why};
    if (fatal) {
        f.has_exit = l->has_exit;
        f.status = l->exit_status;
        f.expected = l->expected;
    }
    errand_hook(p, fatal ? GEN_HOOK_FATAL : GEN_HOOK_READY, &f);
}

void hooks_exit(struct proc *p, const struct proc_life *before, int status)
{
    if (!has(p))
        return;
    struct errand_facts f = facts_now(p);
    f.pid = before->pid;
    f.has_exit = true;
    f.status = status;
    f.expected = proc_life(p)->expected;
    errand_hook(p, GEN_HOOK_EXIT, &f);
}

void hooks_stop(struct proc *p)
{
    struct err e;
    struct errand_facts f = facts_now(p);
    const struct gen_commands *c = gen_commands(p->gen->gen, p->conf);
    p->commanding = true;
    if (!c || !c->command[GEN_STOP_COMMAND].argc)
        err_set(&e, "it is not configured any more");
    else if (errand_run(p, GEN_STOP_COMMAND, &f, NULL, NULL, &e) == 0)
        return;
    log_warn("%s: stop_command is not run: %s", proc_name(p), e.msg);
    p->commanding = false;
    proc_feed(p, (struct proc_in){.event = PROC_EV_COMMAND});
}

int hooks_reload(struct proc *p, errand_done_fn *done, void *obj, struct err *e)
{
    struct errand_facts f = facts_now(p);
    if (errand_busy(p, GEN_RELOAD_COMMAND))
        return err_set(e, "its reload_command runs already");
    return errand_run(p, GEN_RELOAD_COMMAND, &f, done, obj, e);
}
