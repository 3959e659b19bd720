/* One event listener: events go into its standard input, what it says on its standard output moves
 * its machine and is copied to its log. */
#include "supervisor/base/fault.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/listeners_impl.h"
#include "supervisor/run/listensend.h"
#include "supervisor/run/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TURN_WRITES 4          /* so many pipes full delay nothing else */
#define LAST_READS 64          /* of what a dead one said */
#define LOG_FULL DUR_MS(50)    /* until another look whether its log takes more */
#define PAUSE_FIRST DUR_MS(10) /* for one that rejects, from its second time on */
#define PAUSE_MOST DUR_S(1)
#define UNREAD 0xff /* what nobody says: while all of the room is that, nothing was read */

struct lm_listener *listenproc_mem(const struct lproc *lp)
{
    return listenmem_listener(lp->all->mem, lp->index);
}

struct lproc *listenproc_of(const struct listeners *x, const struct proc *p)
{
    struct lproc *lp;
    LIST_FOREACH (lp, &x->procs, link)
        if (lp->p == p)
            return lp;
    return NULL;
}

bool listenproc_listens(const struct lproc *lp)
{
    return proc_life(lp->p)->state == PROC_RUNNING && !lp->deaf &&
           listenproc_mem(lp)->machine.state != LISTENER_UNKNOWN;
}

bool listenproc_is_ready(const struct lproc *lp)
{
    return listenproc_listens(lp) && listenproc_mem(lp)->machine.state == LISTENER_READY &&
           !lp->pause.ns;
}

/* ---- its output ---- */

/* While an event is being written nothing is read: it has not had the whole of it. */
static bool is_writing(const struct lproc *lp)
{
    const struct lm_listener *l = listenproc_mem(lp);
    return l->event && l->sent < listenmem_event(lp->all->mem, l->event - 1)->len;
}

static void watch_output(struct lproc *lp)
{
    const struct lm_listener *l = listenproc_mem(lp);
    bool reads = l->out_fd > 0 && !is_writing(lp) && !l->aim;
    if (l->out_fd > 0)
        loop_io_set(&lp->out, l->out_fd, reads ? LOOP_READ : 0);
}

/* Copies what was read to its log. False: that takes no more now. */
static bool copy_output(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    enum listensend_end end = LISTENSEND_SOME;
    int fd = lp->p->log[0] ? logs_write_fd(lp->p->log[0]) : -1;
    while (fd >= 0 && l->copied < l->aim && end == LISTENSEND_SOME)
        end = listensend(lp->all->mem, lp->index, LISTENSEND_COPY, fd, l->text, l->aim);
    if (end == LISTENSEND_FULL)
        return false;
    l->aim = 0;
    LISTENMEM_ORDER();
    l->fed = 0;
    return true;
}

static void say_state(const struct lproc *lp, enum listener_state from, enum listener_state to)
{
    const char *name = proc_name(lp->p);
    if (from != to)
        log_debug("%s: %s -> %s", name, listener_state_name(from), listener_state_name(to));
    if (to == LISTENER_UNKNOWN)
        log_warn(
            "%s: has entered the UNKNOWN state and will no longer receive events, this usually "
            "indicates the process violated the eventlistener protocol",
            name);
}

static bool is_any_result(const struct lproc *lp)
{
    const struct lpool *pl = listeners_pool_of(lp->all, lp->p->group);
    return pl && pl->any_result;
}

static void say_word(const struct lproc *lp, enum listener_word word, const struct listener *before,
                     const struct listener *after)
{
    if (word == LISTENER_REJECTED && !is_any_result(lp))
        log_warn("%s: event was rejected", proc_name(lp->p));
    if (word == LISTENER_BAD && before->state == LISTENER_BUSY)
        log_warn("%s: bad result line: '%.*s'", proc_name(lp->p), after->nline, after->line);
    if (word != LISTENER_NOTHING)
        say_state(lp, (enum listener_state)before->state, (enum listener_state)after->state);
}

/* At most one of the words is about the event that it has: then it has none. */
static void take_words(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    struct listener now = l->machine;
    l->outcome = LISTENER_NOTHING;
    for (uint32_t at = 0; at < l->aim;) {
        enum listener_word word;
        const struct listener before = now;
        at += (uint32_t)listener_feed(&now, l->text + at, l->aim - at, &word);
        say_word(lp, word, &before, &now);
        if (before.state == LISTENER_BUSY && word != LISTENER_NOTHING)
            l->outcome = word;
    }
    l->next = now;
    LISTENMEM_ORDER();
    l->step = 1;
}

static void pause_after(struct lproc *lp)
{
    static const dur_t none = {0};
    lp->rejected++;
    dur_t pause = none;
    for (unsigned i = 1; i < lp->rejected && pause.ns < PAUSE_MOST.ns; i++)
        pause = dur_doubled(pause, PAUSE_FIRST, PAUSE_MOST);
    lp->pause = pause.ns ? mono_add(mono_now(), pause) : MONO_NEVER;
    if (pause.ns)
        loop_timer_at(&lp->again, lp->pause);
}

static void feed(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    uint32_t had = l->event;
    take_words(lp);
    if (l->outcome == LISTENER_REJECTED && is_any_result(lp))
        l->outcome = LISTENER_DONE;
    enum listener_word outcome = (enum listener_word)l->outcome;
    listenmem_apply(lp->all->mem, l);
    if (!had || outcome == LISTENER_NOTHING)
        return;
    lp->answered = outcome != LISTENER_BAD;
    if (outcome == LISTENER_DONE)
        listeners_done(lp);
    else
        listeners_put_back(lp, had - 1);
    if (outcome == LISTENER_REJECTED)
        pause_after(lp);
    else
        lp->rejected = 0;
}

/* The room is filled with what a successor knows as not read, since a fault may come at once. */
static bool read_output(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    int n = 0;
    if (l->out_fd <= 0 || l->aim || ioctl(l->out_fd, FIONREAD, &n) < 0 || n <= 0)
        return false;
    uint32_t aim = (unsigned)n < LISTENMEM_READ ? (uint32_t)n : LISTENMEM_READ;
    memset(l->text, UNREAD, aim);
    l->copied = l->fed = 0;
    LISTENMEM_ORDER();
    l->aim = aim;
    LISTENMEM_ORDER();
    FAULT_POINT();
    ssize_t got = read(l->out_fd, l->text, aim);
    FAULT_POINT();
    l->aim = got > 0 ? (uint32_t)got : 0;
    if (got <= 0)
        return false;
    feed(lp);
    return true;
}

/* The number goes first: nobody may take over what is closed. */
static void close_output(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    int fd = l->out_fd;
    l->out_fd = 0;
    LISTENMEM_ORDER();
    if (fd > 0)
        loop_io_close(&lp->out, &fd);
}

static void copy_on(struct lproc *lp)
{
    if (!copy_output(lp))
        loop_timer_at(&lp->again, mono_add(mono_now(), LOG_FULL));
    watch_output(lp);
}

/* Nobody has the other end any more: it will never say anything. */
static bool is_at_end(const struct lproc *lp)
{
    struct pollfd fd = {.fd = listenproc_mem(lp)->out_fd, .events = POLLIN};
    int n = 0;
    return poll(&fd, 1, 0) == 1 && !(fd.revents & POLLIN) && (fd.revents & (POLLHUP | POLLERR)) &&
           ioctl(fd.fd, FIONREAD, &n) == 0 && n == 0;
}

static void on_output(struct lproc *lp)
{
    if (read_output(lp)) {
        copy_on(lp);
        listeners_look(lp->all);
    } else if (is_at_end(lp)) {
        loop_io_set(&lp->out, listenproc_mem(lp)->out_fd, 0);
    }
}

static void on_again(struct lproc *lp)
{
    if (listenproc_mem(lp)->aim)
        copy_on(lp);
    if (lp->pause.ns && mono_reached(lp->pause, mono_now())) {
        lp->pause = MONO_NEVER;
        listeners_look(lp->all);
    } else if (lp->pause.ns && !loop_timer_active(&lp->again)) {
        loop_timer_at(&lp->again, lp->pause);
    }
}

/* ---- its input ---- */

static void unwatch_input(struct lproc *lp)
{
    if (*proc_stdin(lp->p) > 0)
        loop_io_set(&lp->in, *proc_stdin(lp->p), 0);
}

/* As with Supervisor it stays READY; but it is not tried again. */
static void go_deaf(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    uint32_t had = l->event;
    lp->deaf = true;
    log_warn("%s: has closed its standard input and will no longer receive events",
             proc_name(lp->p));
    l->event = 0;
    LISTENMEM_ORDER();
    l->machine.state = LISTENER_READY;
    listeners_put_back(lp, had - 1);
}

static void write_event(struct lproc *lp)
{
    const struct lm_listener *l = listenproc_mem(lp);
    const struct lm_event *ev = listenmem_event(lp->all->mem, l->event - 1);
    int fd = *proc_stdin(lp->p);
    enum listensend_end end = fd > 0 ? LISTENSEND_SOME : LISTENSEND_BROKEN;
    for (int i = 0; i < TURN_WRITES && l->sent < ev->len && end == LISTENSEND_SOME; i++)
        end = listensend(lp->all->mem, lp->index, LISTENSEND_EVENT, fd,
                         listenmem_text(lp->all->mem, ev), ev->len);
    if (end == LISTENSEND_BROKEN)
        go_deaf(lp);
    if (fd > 0)
        loop_io_set(&lp->in, fd, is_writing(lp) ? LOOP_WRITE : 0);
    watch_output(lp);
}

static void on_input(struct lproc *lp)
{
    if (is_writing(lp))
        write_event(lp);
    else
        unwatch_input(lp);
    listeners_look(lp->all);
}

void listenproc_send(struct lproc *lp, uint32_t event)
{
    struct lm_listener *l = listenproc_mem(lp);
    l->sent = 0;
    lp->sent = mono_now();
    listener_send(&l->machine);
    LISTENMEM_ORDER();
    FAULT_POINT();
    l->event = event + 1;
    LISTENMEM_ORDER();
    FAULT_POINT();
    write_event(lp);
}

/* ---- its life ---- */

static struct lproc *make(struct listeners *x, struct proc *p, uint32_t index)
{
    struct lproc *lp = calloc(1, sizeof(*lp));
    if (!lp)
        return NULL;
    *lp = (struct lproc){.all = x, .p = p, .index = index};
    LOOP_IO(&lp->in, x->sup->loop, on_input, lp);
    LOOP_IO(&lp->out, x->sup->loop, on_output, lp);
    LOOP_TIMER(&lp->again, x->sup->loop, on_again, lp);
    LIST_INSERT_HEAD(&x->procs, lp, link);
    return lp;
}

struct lproc *listenproc_get(struct listeners *x, struct proc *p)
{
    struct lproc *lp = listenproc_of(x, p);
    if (lp)
        return lp;
    int64_t index = listenmem_listener_find(x->mem, p->slot);
    if (index < 0)
        index = listenmem_listener_take(x->mem, p->slot);
    return index < 0 ? NULL : make(x, p, (uint32_t)index);
}

void listenproc_free(struct lproc **lpp)
{
    struct lproc *lp = *lpp;
    *lpp = NULL;
    LIST_REMOVE(lp, link);
    loop_timer_stop(&lp->again);
    unwatch_input(lp);
    close_output(lp);
    listenproc_mem(lp)->slot = 0;
    free(lp);
}

/* ---- from outside ---- */

int listeners_prepare(struct proc *p, struct spawn_request *rq)
{
    struct listeners *x = proc_sup(p)->listeners;
    int ends[2];
    if (!x || p->group->kind != GEN_EVENTLISTENER)
        return 0;
    struct lproc *lp = listenproc_get(x, p);
    if (!lp)
        return ENOMEM;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    fd_nonblock(ends[0], true);
    if (rq->uid >= 0 && fchown(ends[1], (uid_t)rq->uid, (gid_t)-1) < 0) {
        /* then it cannot open /dev/stdout by name */
    }
    listenproc_stop(lp);
    listenproc_mem(lp)->out_fd = ends[0];
    watch_output(lp);
    rq->fds[1] = ends[1];
    return 0;
}

/* What it said before it died counts: it may have done what it had. */
void listenproc_stop(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    int reads = 0;
    do
        if (!copy_output(lp)) /* a full log is no reason not to listen */
            l->aim = 0;
    while (reads++ < LAST_READS && read_output(lp));
    uint32_t had = l->event;
    l->event = 0;
    LISTENMEM_ORDER();
    l->aim = 0;
    listener_init(&l->machine);
    if (had)
        listeners_put_back(lp, had - 1);
    loop_timer_stop(&lp->again);
    unwatch_input(lp);
    close_output(lp);
    lp->rejected = 0;
    lp->pause = MONO_NEVER;
    lp->deaf = lp->answered = false;
    listeners_look(lp->all);
}

static struct lproc *lproc_of(const struct proc *p)
{
    const struct listeners *x = proc_sup(p)->listeners;
    return x && p->group->kind == GEN_EVENTLISTENER ? listenproc_of(x, p) : NULL;
}

bool listeners_writes(const struct proc *p)
{
    const struct lproc *lp = lproc_of(p);
    return lp && is_writing(lp);
}

void listeners_ended(struct proc *p)
{
    struct lproc *lp = lproc_of(p);
    if (lp)
        listenproc_stop(lp);
}

void listeners_moved(struct proc *p)
{
    struct lproc *lp = lproc_of(p);
    if (lp && listenproc_is_ready(lp))
        listeners_look(lp->all);
}

void listeners_forget(struct proc *p)
{
    struct lproc *lp = lproc_of(p);
    if (proc_sup(p)->listeners)
        listentold_note(proc_sup(p)->listeners, p, PROC_STOPPED, 0);
    if (!lp)
        return;
    listenproc_stop(lp);
    listenproc_free(&lp);
}

/* ---- one that another supd left ---- */

static bool was_read(const struct lm_listener *l)
{
    for (uint32_t i = 0; i < l->aim; i++)
        if ((unsigned char)l->text[i] != UNREAD)
            return true;
    return false;
}

void listenproc_go_on(struct lproc *lp)
{
    struct lm_listener *l = listenproc_mem(lp);
    lp->sent = mono_now();
    lp->answered = true; /* as far as anybody knows: it has its time at the end */
    if (l->aim && !l->fed && was_read(l))
        feed(lp);
    if (!l->fed)
        l->aim = 0;
    if (l->out_fd > 0)
        fd_cloexec(l->out_fd, true);
    if (is_writing(lp))
        write_event(lp);
    copy_on(lp);
}
