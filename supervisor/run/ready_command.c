/* ready=command:COMMAND: run again and again beside the program, as its user and with all that it
 * is started with, until it ends with status 0. */
#include "supervisor/base/log.h"
#include "supervisor/io/reap.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/notes.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/ready_sources.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* It is run after 50 ms, then 100 ms, 200 ms, ... 2 s after the last one has ended. */
#define WAIT_FIRST DUR_MS(50)
#define WAIT_MAX DUR_S(2)
#define LIMIT DUR_S(10)

struct own {
    struct readiness *r;
    struct loop_timer timer;
    dur_t wait;
    char **candidates; /* behind the words */
    char *words[];
};

/* Its pid stands there as long as it runs, for the next supd. */
static struct spawn_cell *cell_of(const struct proc *p, bool make_it)
{
    struct note *note = notes_at(proc_sup(p), p->slot, make_it);
    return note ? &note->cell : NULL;
}

static void say(struct own *o, const char *what)
{
    char text[300];
    snprintf(text, sizeof(text), "its command %s", what);
    readiness_say(o->r, text);
}

static void say_end(struct own *o, int status)
{
    struct spawn_request rq;
    struct err e;
    struct str text = STR_INIT;
    const struct spawn_cell *cell = cell_of(o->r->proc, false);
    if (status == HELPER_LATE) {
        str_puts(&text, "took more than 10s");
    } else if (cell && cell->step) {
        launch_command(o->r->proc, o->words, o->candidates, &rq);
        spawn_explain(&rq, cell, &e);
        str_printf(&text, "does not start: %s", e.msg);
    } else {
        str_puts(&text, "failed: ");
        proc_status_text(&text, status);
    }
    say(o, str_text(&text));
    str_fini(&text);
}

static void again(struct own *o)
{
    o->wait = dur_doubled(o->wait, WAIT_FIRST, WAIT_MAX);
    loop_timer_at(&o->timer, mono_add(mono_now(), o->wait));
}

static void has_ended(struct own *o, int status)
{
    cell_of(o->r->proc, true)->pid = 0;
    if (status == 0) {
        readiness_say(o->r, NULL);
        readiness_up(o->r); /* last: it may free this */
        return;
    }
    say_end(o, status);
    again(o);
}

static int watch(struct own *o, int pid)
{
    struct err e;
    if (helper_watch(proc_sup(o->r->proc), pid, (helper_done_fn *)has_ended, o, LIMIT, &e) == 0)
        return 0;
    ready_command_end(o->r->proc);
    return ENOMEM;
}

/* 0, or an errno: it is tried again. */
static int spawn_it(struct own *o)
{
    struct sup *s = proc_sup(o->r->proc);
    struct spawn_request rq;
    int errnum = 0;
    struct spawn_cell *cell = cell_of(o->r->proc, true);
    if (!cell)
        return ENOMEM;
    launch_command(o->r->proc, o->words, o->candidates, &rq);
    enum spawn_result result = spawn_start(&rq, cell, &errnum);
    if (result != SPAWN_STARTED)
        return result == SPAWN_BUSY ? EBUSY : errnum;
    procs_command_started(s, cell->pid);
    return watch(o, cell->pid);
}

static void run_it(struct own *o)
{
    char text[128];
    int errnum = spawn_it(o);
    if (!errnum)
        return;
    snprintf(text, sizeof(text), "could not be started: %s", strerror(errnum));
    if (errnum != EBUSY)
        say(o, text);
    again(o);
}

static struct own *make(struct readiness *r)
{
    const struct gen *g = r->proc->gen->gen;
    const struct gen_order *c = r->conf;
    const goff *argv = gen_at(g, c->argv), *candidates = gen_at(g, c->candidates);
    struct own *o =
        calloc(1, sizeof(*o) + (size_t)(c->argc + c->ncandidates + 2) * sizeof(o->words[0]));
    if (!o)
        return NULL;
    o->r = r;
    o->candidates = o->words + c->argc + 1;
    for (uint32_t i = 0; i < c->argc; i++)
        o->words[i] = (char *)(uintptr_t)gen_str(g, argv[i]);
    for (uint32_t i = 0; i < c->ncandidates; i++)
        o->candidates[i] = (char *)(uintptr_t)gen_str(g, candidates[i]);
    LOOP_TIMER(&o->timer, proc_sup(r->proc)->loop, run_it, o);
    return o;
}

/* The group is that of a child of ours that was not reaped yet: nobody else can have its number. */
void ready_command_end(struct proc *p)
{
    struct spawn_cell *cell = cell_of(p, false);
    int pid = cell ? cell->pid : 0;
    if (pid <= 1)
        return;
    cell->pid = 0;
    if (reap_look(pid) != REAP_GONE)
        kill(-pid, SIGKILL);
}

static void stop(struct readiness *r)
{
    struct own *o = r->own;
    if (!o)
        return;
    loop_timer_stop(&o->timer);
    helper_forget(proc_sup(r->proc), o);
    r->own = NULL;
    free(o);
}

/* One that another supd has begun. */
static bool takes_over(struct own *o)
{
    const struct spawn_cell *cell = cell_of(o->r->proc, false);
    return cell && cell->pid > 1 && reap_look(cell->pid) != REAP_GONE && watch(o, cell->pid) == 0;
}

/* Under a changed configuration its words lie elsewhere. */
static void start(struct readiness *r, int pid, bool resumed)
{
    (void)pid;
    bool other = r->own != NULL; /* it was begun by the configuration of before */
    stop(r);
    if (other || !resumed)
        ready_command_end(r->proc);
    if (proc_life(r->proc)->state != PROC_STARTING)
        return;
    struct own *o = make(r);
    r->own = o;
    if (!o)
        readiness_failed(r, "out of memory");
    else if (!takes_over(o))
        again(o);
}

const struct ready_source ready_command = {.kind = READY_COMMAND, .start = start, .stop = stop};
