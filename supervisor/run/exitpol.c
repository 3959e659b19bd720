/* The end of a program that ends supd. */
#include "supervisor/run/exitpol.h"
#include "supervisor/core/exitcode.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/shutdown.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* It rests, and will not be started again but by somebody's hand. */
static bool ended_for_good(const struct proc_life *l)
{
    return (l->state == PROC_EXITED || l->state == PROC_FATAL) && !proc_next(l).ns && !l->restart &&
           !l->spawning;
}

static bool any_up(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (!proc_is_down(p) && !order_is_stuck(p))
            return true;
    return false;
}

static int status_of(const struct proc *p)
{
    const struct gen_opts *o = proc_opts(p);
    const struct spawn_cell *cell = state_cell(proc_sup(p)->state, p->slot);
    int status = exit_status_of(proc_life(p), cell->step ? cell->errnum : 0);
    return exit_mapped(gen_at(p->gen->gen, o->exit_map), o->nexit_map, status);
}

/* exit_on=all: the first failure in time counts, and without one it is a success. */
static int status_of_all(struct sup *s)
{
    mono_t first = MONO_NEVER;
    int found = 0;
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        const struct proc_life *l = proc_life(p);
        int status = ended_for_good(l) ? status_of(p) : 0;
        if (status && (!first.ns || l->changed.ns < first.ns)) {
            first = l->changed;
            found = status;
        }
    }
    return found;
}

static void describe(const struct proc *p, const struct exit_facts *f, int status, char *out,
                     size_t size)
{
    const struct proc_life *l = proc_life(p);
    char name[256];
    struct str how = STR_INIT;
    if (l->has_exit)
        proc_status_text(&how, l->exit_status);
    snprintf(out, size, "%s is %s%s%s%s and %s%s: ending with status %d",
             proc_fullname(p, name, sizeof(name)), proc_state_name(l->state), how.len ? " (" : "",
             str_text(&how), how.len ? ")" : "",
             f->fatal && f->on_fatal_exit ? "has on_fatal=exit" : "[supd] exit_on=",
             f->fatal && f->on_fatal_exit ? "" : exit_on_words[f->on], exit_as_code(status));
    str_fini(&how);
}

void exitpol_moved(struct proc *p, uint16_t before)
{
    struct sup *s = proc_sup(p);
    const struct proc_life *l = proc_life(p);
    const struct gen_opts *o = proc_opts(p);
    if (l->state == before || s->mood == SUP_STOPPING || !ended_for_good(l))
        return;
    struct exit_facts f = {.on = (enum exit_on)s->gen->gen->supd.exit_on,
                           .critical = o->critical,
                           .on_fatal_exit = o->on_fatal == GEN_FATAL_EXIT,
                           .fatal = l->state == PROC_FATAL};
    if (l->why == PROC_WHY_DONE && f.on != EXIT_ON_ALL)
        return; /* it did what it was for */
    f.others_up = f.on == EXIT_ON_ALL && any_up(s);
    if (!exit_ends_all(&f))
        return;
    char why[512];
    bool of_all = f.on == EXIT_ON_ALL && !(f.fatal && f.on_fatal_exit);
    int status = of_all ? status_of_all(s) : status_of(p);
    describe(p, &f, status, why, sizeof(why));
    shutdown_begin(s, status, why);
}

void exitpol_look(struct sup *s)
{
    struct proc *p = procs_first(s);
    while (p && !ended_for_good(proc_life(p)))
        p = procs_next(p);
    if (p && s->gen->gen->supd.exit_on == EXIT_ON_ALL)
        exitpol_moved(p, PROC_UNKNOWN);
}

int exitpol_leave(int status)
{
    static const struct rlimit no_core;
    if (status >= 0 || getpid() == 1)
        return exit_as_code(status);
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, -status);
    setrlimit(RLIMIT_CORE, &no_core);
    sigaction(-status, &sa, NULL);
    raise(-status);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    return exit_as_code(status); /* a signal that ends nobody */
}
