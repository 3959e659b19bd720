/* NOTIFY_SOCKET: listens, asks who speaks, and does what was said. */
#include "supervisor/run/notify.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/log.h"
#include "supervisor/core/wire.h"
#include "supervisor/io/notesock.h"
#include "supervisor/io/reap.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/notes.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/ready_sources.h"
#include "supervisor/run/sender.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define HASH_NONFATAL_OOM 1 /* else it would end PID 1 */
#include <uthash.h>

/* So many messages of one program are heard in a turn; then the others have theirs, and it waits.
 */
#define BATCH 16
#define PAUSE DUR_MS(10)
/* So long may it take to close what somebody sent. */
#define TAKE_LIMIT DUR_S(2)

/* An instance that may say something. */
struct notify {
    UT_hash_handle hh;
    struct proc *proc; /* the key */
    struct note *note;
    struct readiness *ready; /* NULL: nobody asks */
    struct loop_io io;
    struct loop_timer pause;    /* when it is heard again */
    struct loop_timer watchdog; /* when it is looked at */
    struct proc_waiter waiter;
    mono_t forgiven;   /* the end of its time that we came to too late */
    long long refused; /* when the next refusal may be logged */
    char name[NOTESOCK_NAME];
    bool fresh;           /* its socket was made for a start that is still to come */
    bool dead;            /* its process has ended */
    bool taking;          /* a helper takes a message with descriptors off the queue */
    bool begun;           /* it is heard */
    bool done_with_first; /* the first message was acted on, and is still there */
};

static const struct gen_order *conf_of(const struct proc *p)
{
    return gen_order(p->gen->gen, proc_opts(p));
}

static struct notify *find(const struct proc *p)
{
    struct notify *n = NULL;
    if (proc_sup(p)->notifies)
        HASH_FIND_PTR(proc_sup(p)->notifies, &p, n);
    return n;
}

static const struct note *note_of(const struct proc *p)
{
    return notes_at(proc_sup(p), p->slot, false);
}

/* ---- the watchdog ---- */

static bool is_watched(const struct notify *n)
{
    return n->note->period_ns > 0 && n->note->alive.ns && !(n->note->flags & NOTE_ABORTED) &&
           proc_life(n->proc)->state == PROC_RUNNING;
}

static mono_t watchdog_due(const struct notify *n)
{
    return mono_add(n->note->alive, (dur_t){n->note->period_ns});
}

static void arm(struct notify *n)
{
    loop_timer_at(&n->watchdog, is_watched(n) ? watchdog_due(n) : MONO_NEVER);
}

/* A sign of life. The timer looks when the time of the one before is over: most come earlier. */
static void alive(struct notify *n)
{
    if (proc_life(n->proc)->state != PROC_RUNNING)
        return;
    n->note->alive = mono_now();
    if (!loop_timer_active(&n->watchdog))
        arm(n);
}

static void abort_it(struct notify *n, bool triggered)
{
    char buf[DUR_TEXT];
    const char *name = proc_name(n->proc);
    if (n->dead || (n->note->flags & NOTE_ABORTED))
        return;
    if (triggered)
        log_warn("watchdog: %s says that it is not well (WATCHDOG=trigger); ending it with SIGABRT",
                 name);
    else
        log_warn("watchdog: %s has given no sign of life for %s; ending it with SIGABRT", name,
                 dur_format((dur_t){n->note->period_ns}, buf, sizeof(buf)));
    n->note->flags |= NOTE_ABORTED | (triggered ? NOTE_TRIGGERED : 0u);
    loop_timer_stop(&n->watchdog);
    proc_feed(n->proc, (struct proc_in){.event = PROC_EV_HUNG});
}

/* What stood still with us has its time again, once. */
static bool forgive(struct notify *n, mono_t due)
{
    if (!due_forgiven(due, mono_now()).ns || n->forgiven.ns == due.ns)
        return false;
    alive(n);
    n->forgiven = watchdog_due(n);
    return true;
}

static void hear(struct notify *n);

static void on_watchdog(struct notify *n)
{
    hear(n);
    if (!is_watched(n))
        return;
    mono_t due = watchdog_due(n);
    if (n->taking)
        loop_timer_at(&n->watchdog, mono_add(mono_now(), PAUSE));
    else if (!mono_reached(due, mono_now()) || forgive(n, due))
        arm(n);
    else
        abort_it(n, false);
}

/* ---- what was said ---- */

static void say_ready(struct notify *n)
{
    if (n->note->flags & NOTE_RELOADING)
        log_info("%s says that it has reloaded", proc_name(n->proc));
    n->note->flags &= ~(uint32_t)NOTE_RELOADING;
    if (n->ready)
        readiness_up(n->ready);
}

static void say_reloading(struct notify *n)
{
    if (!(n->note->flags & NOTE_RELOADING))
        log_info("%s says that it is reloading", proc_name(n->proc));
    n->note->flags |= NOTE_RELOADING;
}

static void say_stopping(struct notify *n)
{
    if (!(n->note->flags & NOTE_STOPPING))
        log_info("%s says that it is stopping", proc_name(n->proc));
    n->note->flags |= NOTE_STOPPING;
    if (n->ready)
        readiness_down(n->ready);
}

static void say_main(struct notify *n, int pid)
{
    if (pid == proc_life(n->proc)->pid) {
        n->note->main = 0;
    } else if (sender_may_be_main(n->proc, pid)) {
        if (n->note->main != pid)
            log_info("%s says that its main process is %d", proc_name(n->proc), pid);
        n->note->main = pid;
    } else if (LOG_LIMIT(10)) {
        log_warn("%s: MAINPID=%d is no process of it, and is ignored", proc_name(n->proc), pid);
    }
}

static void say_period(struct notify *n, dur_t period)
{
    n->note->period_ns = period.ns;
    alive(n);
    arm(n);
}

static void say_store(struct notify *n)
{
    if (n->note->flags & NOTE_UNKEPT)
        return;
    n->note->flags |= NOTE_UNKEPT;
    log_warn("%s wants descriptors kept (FDSTORE=1); supd does not keep any, they are closed",
             proc_name(n->proc));
}

static void say_extend(struct notify *n, dur_t more)
{
    proc_feed(n->proc, (struct proc_in){.event = PROC_EV_EXTEND, .more = more});
}

/* Where several are in one message, what makes it ready comes last but for its end. */
static void act(struct notify *n, const struct sdn_msg *m)
{
    if (m->said & SDN_STATUS)
        memcpy(n->note->status, m->status, sizeof(n->note->status));
    if (m->said & SDN_FDSTORE)
        say_store(n);
    if (m->said & SDN_MAINPID)
        say_main(n, m->mainpid);
    if (m->said & SDN_PERIOD)
        say_period(n, m->watchdog);
    if (m->said & SDN_ALIVE)
        alive(n);
    if (m->said & SDN_EXTEND)
        say_extend(n, m->extend);
    if (m->said & SDN_RELOADING)
        say_reloading(n);
    if (m->said & SDN_READY)
        say_ready(n);
    if (m->said & SDN_STOPPING)
        say_stopping(n);
    if (m->said & SDN_TRIGGER)
        abort_it(n, true);
}

static void refuse(struct notify *n, const struct notesock_from *from)
{
    if (!log_limit_pass(&n->refused, 10))
        return;
    if (from->pid <= 0)
        log_warn("%s: a message from outside of our pid namespace is ignored", proc_name(n->proc));
    else
        log_warn("%s: a message of pid %d, uid %u is ignored: %s", proc_name(n->proc), from->pid,
                 from->uid,
                 conf_of(n->proc) && conf_of(n->proc)->notify_main
                     ? "it is not its main process (notify_access=main)"
                     : "that is no process of it");
}

static void judge(struct notify *n, const char *text, size_t len, const struct notesock_from *from)
{
    struct sdn_msg m;
    struct err e;
    const struct gen_order *o = conf_of(n->proc);
    if (!sender_is_own(n->proc, n->note->main, !o || !o->notify_main, from))
        refuse(n, from);
    else if (from->cut || sdn_parse(text, len, &m, &e) < 0) {
        if (log_limit_pass(&n->refused, 10))
            log_warn("%s: a message of pid %d is ignored: %s", proc_name(n->proc), from->pid,
                     from->cut ? "it is too long" : e.msg);
    } else {
        act(n, &m);
    }
}

/* ---- listening ---- */

static void listen_on(struct notify *n, bool on)
{
    loop_io_set(&n->io, n->note->socket, on ? LOOP_READ | LOOP_SOCKET : 0);
}

static void pause_it(struct notify *n, dur_t d)
{
    listen_on(n, false);
    loop_timer_at(&n->pause, mono_add(mono_now(), d));
}

static int take_off(void *obj)
{
    notesock_drop((int)(intptr_t)obj);
    return 0;
}

static int take_off_its_first(void *obj)
{
    return take_off((void *)(intptr_t)((const struct notify *)obj)->note->socket);
}

static void taken_off(struct notify *n, int status)
{
    (void)status;
    n->taking = false;
    n->done_with_first = false;
    if (n->begun)
        pause_it(n, PAUSE); /* or who sends descriptors all the time would have us fork as often */
}

/* The first message goes, in a process that may hang over what came with it. */
static void take_off_first(struct notify *n)
{
    struct err e;
    n->done_with_first = true;
    n->taking = helper_run(proc_sup(n->proc), take_off_its_first, (helper_done_fn *)taken_off, n,
                           TAKE_LIMIT, &e) > 0;
    if (n->taking)
        listen_on(n, false);
    else
        pause_it(n, DUR_MS(100));
}

/* One message; false: there is none, or the next has to wait. */
static bool hear_one(struct notify *n)
{
    char text[SDN_MAX + 1];
    struct notesock_from from;
    ssize_t len = n->taking ? -1 : notesock_peek(n->note->socket, text, sizeof(text), &from);
    if (len < 0)
        return false;
    if (!n->done_with_first)
        judge(n, text, (size_t)len, &from);
    if (from.fds) {
        take_off_first(n);
        return false;
    }
    notesock_drop(n->note->socket);
    return true;
}

static void hear(struct notify *n)
{
    for (int i = 0; i < BATCH; i++)
        if (!hear_one(n))
            return;
    if (n->begun)
        pause_it(n, PAUSE);
}

static void on_pause_over(struct notify *n)
{
    if (n->begun && !n->taking)
        listen_on(n, true);
}

/* ---- the life of one ---- */

/* It is told of changes before the machine goes on; RUNNING is when the watchdog's time begins. */
static void on_change(struct notify *n, struct proc *p, const struct proc_change *c, bool gone)
{
    (void)p;
    if (gone || c->to != PROC_RUNNING)
        return;
    alive(n);
    arm(n);
}

static struct notify *make(struct proc *p)
{
    struct sup *s = proc_sup(p);
    struct note *note = notes_at(s, p->slot, true);
    struct notify *n = note ? calloc(1, sizeof(*n)) : NULL;
    if (!n)
        return NULL;
    n->proc = p;
    n->note = note;
    LOOP_IO(&n->io, s->loop, hear, n);
    LOOP_TIMER(&n->pause, s->loop, on_pause_over, n);
    LOOP_TIMER(&n->watchdog, s->loop, on_watchdog, n);
    n->waiter = (struct proc_waiter){
        .fn = (void (*)(void *, struct proc *, const struct proc_change *, bool))on_change,
        .obj = n};
    HASH_ADD_PTR(s->notifies, proc, n);
    if (find(p) == n)
        return n;
    free(n); /* no memory for it in the table */
    return NULL;
}

/* A helper closes it, too: the last close may hang over what is still in the queue. */
static void close_full(struct sup *s, int fd)
{
    struct notesock_from from;
    char text[1];
    struct err e;
    notesock_shut(fd);
    while (notesock_peek(fd, text, sizeof(text), &from) >= 0 && !from.fds)
        notesock_drop(fd);
    if (notesock_peek(fd, text, sizeof(text), &from) >= 0)
        helper_run(s, take_off, NULL, (void *)(intptr_t)fd, TAKE_LIMIT, &e);
}

static void close_socket(struct notify *n)
{
    int fd = n->note->socket;
    if (fd <= 0)
        return;
    n->note->socket = 0;
    close_full(proc_sup(n->proc), fd);
    loop_io_close(&n->io, &fd);
}

static void destroy(struct notify *n)
{
    struct sup *s = proc_sup(n->proc);
    loop_timer_stop(&n->pause);
    loop_timer_stop(&n->watchdog);
    if (n->begun)
        proc_unwait(n->proc, &n->waiter);
    helper_forget(s, n);
    close_socket(n);
    HASH_DEL(s->notifies, n);
    free(n);
}

static bool is_wanted(const struct proc *p)
{
    const struct gen_order *o = conf_of(p);
    return o && (o->ready == READY_NOTIFY || o->watchdog_ns > 0);
}

static int open_anew(struct notify *n)
{
    close_socket(n);
    int fd = notesock_open(n->name);
    if (fd < 0)
        return errno;
    *n->note = (struct note){
        .pipe = n->note->pipe, .period_ns = conf_of(n->proc)->watchdog_ns, .socket = fd};
    n->fresh = true;
    return 0;
}

static int put_env(struct proc *p, const struct notify *n, struct spawn_request *rq)
{
    char usec[24];
    if (!launch_env(p, rq, "NOTIFY_SOCKET", n->name, 0))
        return ENOMEM;
    if (n->note->period_ns <= 0)
        return 0;
    snprintf(usec, sizeof(usec), "%" PRId64, n->note->period_ns / 1000);
    if (!launch_env(p, rq, "WATCHDOG_USEC", usec, 0))
        return ENOMEM;
    rq->pid_at = launch_env(p, rq, "WATCHDOG_PID", "", SPAWN_PID_ROOM);
    return rq->pid_at ? 0 : ENOMEM;
}

int notify_prepare(struct proc *p, struct spawn_request *rq)
{
    if (!is_wanted(p))
        return 0;
    struct notify *n = find(p);
    if (!n)
        n = make(p);
    if (!n)
        return ENOMEM;
    int errnum = n->fresh ? 0 : open_anew(n);
    return errnum ? errnum : put_env(p, n, rq);
}

/* One that another supd listened to, too. */
static struct notify *find_or_revive(struct proc *p)
{
    const struct note *note = note_of(p);
    struct notify *n = find(p);
    return n || !note || note->socket <= 0 ? n : make(p);
}

static void begin(struct notify *n)
{
    n->fresh = false;
    n->begun = true;
    proc_wait(n->proc, &n->waiter);
}

void notify_start(struct proc *p, bool resumed)
{
    struct notify *n = resumed ? find_or_revive(p) : find(p);
    if (!n || n->begun)
        return;
    begin(n);
    listen_on(n, true);
    if (!n->note->alive.ns)
        alive(n); /* it was RUNNING, and that its time begins was not written down any more */
    arm(n);
}

int notify_ended(struct proc *p)
{
    struct notify *n = find_or_revive(p);
    if (!n)
        return 0;
    if (!n->begun)
        begin(n);
    n->dead = true;
    for (int i = 0; i < 2 * BATCH && hear_one(n); i++)
        ;
    int pid = n->note->main;
    n->note->main = 0;
    n->dead = !pid || reap_look(pid) != REAP_ALIVE || !sender_may_be_main(p, pid);
    return n->dead ? 0 : pid;
}

void notify_stop(struct proc *p)
{
    struct notify *n = find_or_revive(p);
    if (n)
        destroy(n);
}

void notify_forget(struct proc *p)
{
    notify_stop(p);
    ready_command_end(p);
    notes_clear(proc_sup(p), p->slot);
}

void notify_tell(struct proc *p, struct readiness *r)
{
    struct notify *n = find(p);
    if (n)
        n->ready = r;
}

/* ---- what is shown ---- */

bool notify_was_aborted(const struct proc *p)
{
    const struct note *note = note_of(p);
    return note && (note->flags & NOTE_ABORTED);
}

void notify_put(const struct proc *p, struct wire_out *w)
{
    const struct note *note = note_of(p);
    if (!note)
        return;
    if (note->status[0])
        wire_kv(w, "status_text", note->status);
    if (proc_life(p)->pid && (note->flags & (NOTE_STOPPING | NOTE_RELOADING)))
        wire_kv(w, "doing", note->flags & NOTE_STOPPING ? "stopping" : "reloading");
    if (proc_life(p)->pid && note->main)
        wire_kv_int(w, "main_pid", note->main);
}

void notify_explain(const struct proc *p, struct str *out)
{
    char buf[DUR_TEXT];
    const struct note *note = note_of(p);
    bool up = proc_life(p)->pid;
    if (!note)
        return;
    if (up && note->main)
        str_printf(out, " It says that its main process is %d.", (int)note->main);
    if (up && note->flags & NOTE_STOPPING)
        str_puts(out, " It says that it is stopping.");
    else if (up && note->flags & NOTE_RELOADING)
        str_puts(out, " It says that it is reloading.");
    if (up && note->period_ns > 0 && !(note->flags & NOTE_ABORTED))
        str_printf(out, " Its watchdog wants a sign of life at least every %s.",
                   dur_format((dur_t){note->period_ns}, buf, sizeof(buf)));
    if (note->status[0])
        str_printf(out, " %s: \"%s\".", up ? "It says" : "The last that it said", note->status);
}
