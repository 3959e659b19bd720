/* The event loop: libev with its clock, its allocator and its closing of descriptors put right. */
#include "supervisor/io/loop.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two real epoll sets are never needed, io_uring and aio never wanted in PID 1. */
#define BACKENDS (EVBACKEND_EPOLL | EVBACKEND_POLL | EVBACKEND_SELECT)
/* What libev may still allocate after malloc has failed; only address space until then. It is never
 * given back, since malloc may need much more than what it was asked for. */
#define RESERVE_SIZE (1024UL * 1024)
#define FAR_S 1e9  /* seconds that nobody waits for */
#define MEND_S 0.1 /* until a watcher that the kernel had no memory for is tried again */
/* What has come is taken in before it is said that nothing came in time: both may be due in the
 * same turn when this process was not run for a while. */
#define BEHIND_IO (-1)
#define LATE DUR_MS(50)

struct loop {
    struct ev_loop *ev;
    ev_check clock; /* first in each turn: reads the time */
    ev_periodic
        far; /* makes libev use a timerfd for jumps of the wall clock: no wake-ups for them */
    mono_t now;
    struct loop_defer *first, **last; /* queued for the end of the turn */
    struct loop_defer *running;       /* the rest of the queue that is being called */
    loop_fn *turn_fn;
    void *turn_obj;
    struct loop_io *lost; /* watchers that the kernel had no memory for */
    ev_timer mend;        /* tries them again */
    int epoll_fd;         /* libev's own, -1 if it uses another backend */
    bool stop, again;
    uint64_t turns, late; /* late: the turn in which a timer was first found to be so */
};

struct timer {
    ev_timer ev;
    mono_t deadline;
};
_Static_assert(sizeof(struct timer) <= sizeof(((struct loop_timer *)0)->ev), "loop_timer.ev");
struct io {
    ev_io ev;
    struct loop_io *next_lost;
};
_Static_assert(sizeof(struct io) <= sizeof(((struct loop_io *)0)->ev), "loop_io.ev");

static struct {
    char *at; /* NULL: none */
    size_t used;
} reserve;

/* Before each piece of the reserve stands its size. */
struct piece {
    _Alignas(16) size_t size;
};

static void reserve_take(void)
{
    void *p;
    if (reserve.at)
        return;
    p = mmap(NULL, RESERVE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    reserve.at = p == MAP_FAILED ? NULL : p;
}

static bool is_piece(const void *p)
{
    uintptr_t at = (uintptr_t)p, first = (uintptr_t)reserve.at;
    return reserve.at && at >= first && at < first + RESERVE_SIZE;
}

static size_t size_of(void *p)
{
    return is_piece(p) ? ((struct piece *)p - 1)->size : malloc_usable_size(p);
}

static void give_back(void *p)
{
    if (!is_piece(p)) /* a piece stays used: libev gives next to nothing back */
        free(p);
}

static void *piece_new(size_t size)
{
    size_t whole = sizeof(struct piece) + ((size + 15) & ~(size_t)15);
    if (!reserve.at || whole > RESERVE_SIZE - reserve.used)
        return NULL;
    struct piece *p = (struct piece *)(void *)(reserve.at + reserve.used);
    p->size = size;
    reserve.used += whole;
    if (LOG_LIMIT(10))
        log_crit("event loop: out of memory: the reserve is in use");
    return p + 1;
}

/* What realloc could not do, or may not: with the bytes of the old one in the new one. */
static void *moved(void *p, size_t size)
{
    void *q = is_piece(p) ? malloc(size) : NULL;
    if (!q)
        q = piece_new(size);
    if (q && p) {
        size_t had = size_of(p);
        memcpy(q, p, had < size ? had : size);
        give_back(p);
    }
    return q;
}

/* libev aborts when this returns NULL, so a reserve stands behind it. */
static void *ev_memory(void *p, long size)
{
    if (!size) {
        give_back(p);
        return NULL;
    }
    void *q = is_piece(p) ? NULL : realloc(p, (size_t)size);
    return q ? q : moved(p, (size_t)size);
}

static void ev_trouble(const char *what)
{
    if (LOG_LIMIT(10))
        log_crit("event loop: %s: %s", what, strerrordesc_np(errno));
}

static void read_clock(struct ev_loop *ev, ev_check *w, int events)
{
    (void)w, (void)events;
    struct loop *l = ev_userdata(ev);
    l->now = mono_now();
}

static void far_cb(struct ev_loop *ev, ev_periodic *w, int events)
{
    (void)ev, (void)w, (void)events;
}

static void embed_cb(struct ev_loop *ev, ev_embed *w, int events)
{
    (void)ev, (void)w, (void)events;
}

/* libev does not tell its epoll descriptor, but an embedding loop must know it. */
static int backend_fd(struct ev_loop *inner)
{
    if (ev_backend(inner) != EVBACKEND_EPOLL)
        return -1;
    struct ev_loop *outer = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOSIGMASK | EVBACKEND_SELECT);
    if (!outer)
        return -1;
    ev_embed w;
    ev_embed_init(&w, embed_cb, inner);
    ev_embed_start(outer, &w);
    int fd = w.io.fd;
    ev_embed_stop(outer, &w);
    ev_loop_destroy(outer);
    return fd;
}

static ev_io *io_of(struct loop_io *w)
{
    return (ev_io *)(void *)w->ev;
}

static struct loop_io **next_lost(struct loop_io *w)
{
    return &((struct io *)(void *)w->ev)->next_lost;
}

static void forget_lost(struct loop_io *w)
{
    struct loop_io **p = &w->loop->lost;
    while (*p && *p != w)
        p = next_lost(*p);
    if (*p)
        *p = *next_lost(w);
}

/* libev tells of a refusal only after its wait: the next one must be short. */
static void io_start(struct loop_io *w)
{
    ev_io_start(w->loop->ev, io_of(w));
    w->loop->again = true;
}

static void mend_cb(struct ev_loop *ev, ev_timer *t, int events)
{
    (void)t, (void)events;
    struct loop *l = ev_userdata(ev);
    while (l->lost) {
        struct loop_io *w = l->lost;
        l->lost = *next_lost(w);
        io_start(w);
    }
}

/* libev drops a watcher that the kernel refuses; a supervisor must not become deaf by that. */
static void lose(struct loop_io *w)
{
    struct loop *l = w->loop;
    if (LOG_LIMIT(10))
        log_error("event loop: the kernel cannot watch descriptor %d; trying again", io_of(w)->fd);
    forget_lost(w);
    *next_lost(w) = l->lost;
    l->lost = w;
    if (!ev_is_active(&l->mend)) {
        ev_timer_set(&l->mend, MEND_S, 0.);
        ev_timer_start(l->ev, &l->mend);
    }
}

struct loop *loop_new(struct err *e)
{
    reserve_take();
    ev_set_allocator(ev_memory);
    ev_set_syserr_cb(ev_trouble);
    struct loop *l = calloc(1, sizeof(*l));
    if (l)
        l->ev = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOSIGMASK | EVFLAG_NOINOTIFY | BACKENDS);
    if (!l || !l->ev) {
        err_errno(e, errno, "cannot make an event loop");
        free(l);
        return NULL;
    }
    l->epoll_fd = backend_fd(l->ev);
    l->late = UINT64_MAX - 1; /* none: no turn is the one behind it */
    l->last = &l->first;
    ev_set_userdata(l->ev, l);
    ev_check_init(&l->clock, read_clock);
    ev_set_priority(&l->clock, EV_MAXPRI);
    ev_check_start(l->ev, &l->clock);
    ev_init(&l->mend, mend_cb);
    ev_periodic_init(&l->far, far_cb, ev_now(l->ev) + FAR_S, 0, 0);
    ev_periodic_start(l->ev, &l->far);
    loop_refresh(l);
    return l;
}

void loop_free(struct loop **lp)
{
    struct loop *l = *lp;
    if (!l)
        return;
    ev_periodic_stop(l->ev, &l->far);
    ev_check_stop(l->ev, &l->clock);
    ev_timer_stop(l->ev, &l->mend);
    ev_loop_destroy(l->ev);
    free(l);
    *lp = NULL;
}

/* The queue is taken over whole, so that a call that queues itself cannot hold the turn. */
static void run_deferred(struct loop *l)
{
    l->running = l->first;
    l->first = NULL;
    l->last = &l->first;
    struct loop_defer *d;
    while ((d = l->running)) {
        l->running = d->next;
        d->next = NULL;
        d->queued = false;
        d->fn(d->obj);
    }
}

static void end_turn(struct loop *l)
{
    run_deferred(l);
    if (l->turn_fn)
        l->turn_fn(l->turn_obj);
}

void loop_run(struct loop *l)
{
    l->stop = false;
    loop_refresh(l);
    end_turn(l);
    while (!l->stop) {
        bool again = l->again || l->first;
        l->again = false;
        ev_run(l->ev, again ? EVRUN_NOWAIT : EVRUN_ONCE);
        l->turns++;
        end_turn(l);
    }
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

void loop_on_turn(struct loop *l, loop_fn *fn, void *obj)
{
    l->turn_fn = fn;
    l->turn_obj = obj;
}

mono_t loop_now(const struct loop *l)
{
    return l->now;
}

/* Both clocks together: timers are relative to libev's. */
void loop_refresh(struct loop *l)
{
    ev_now_update(l->ev);
    l->now = mono_now();
}

void loop_again(struct loop *l)
{
    l->again = true;
}

uint64_t loop_turns(const struct loop *l)
{
    return l->turns;
}

static struct timer *timer_of(struct loop_timer *t)
{
    return (struct timer *)(void *)t->ev;
}

static void timer_arm(struct loop_timer *t)
{
    struct timer *m = timer_of(t);
    double after = (double)mono_sub(m->deadline, t->loop->now).ns / 1e9;
    ev_timer_set(&m->ev, after < 0 ? 0. : after > FAR_S ? FAR_S : after, 0.);
    ev_timer_start(t->loop->ev, &m->ev);
}

/* A wait that a stop has cut short tells of no descriptor: what is far too late waits for one more
 * look at them. */
static bool wants_a_look(struct loop *l, dur_t late)
{
    if (late.ns < LATE.ns || l->late + 1 == l->turns)
        return false;
    l->late = l->turns;
    return true;
}

/* libev's time lags a little behind ours, so it can be a few microseconds early. */
static void timer_cb(struct ev_loop *ev, ev_timer *w, int events)
{
    (void)ev, (void)events;
    struct loop_timer *t = w->data;
    dur_t late = mono_sub(t->loop->now, timer_of(t)->deadline);
    if (late.ns >= 0 && !wants_a_look(t->loop, late))
        t->fn(t->obj);
    else
        timer_arm(t);
}

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *obj)
{
    *t = (struct loop_timer){.fn = fn, .obj = obj, .loop = l};
    ev_init(&timer_of(t)->ev, timer_cb);
    ev_set_priority(&timer_of(t)->ev, BEHIND_IO);
    timer_of(t)->ev.data = t;
}

void loop_timer_at(struct loop_timer *t, mono_t deadline)
{
    struct timer *m = timer_of(t);
    if (ev_is_active(&m->ev) && m->deadline.ns == deadline.ns)
        return;
    loop_timer_stop(t);
    m->deadline = deadline;
    if (deadline.ns)
        timer_arm(t);
}

void loop_timer_stop(struct loop_timer *t)
{
    if (t->loop)
        ev_timer_stop(t->loop->ev, &timer_of(t)->ev);
}

bool loop_timer_active(const struct loop_timer *t)
{
    const struct timer *m = (const struct timer *)(const void *)t->ev;
    return ev_is_active(&m->ev) || ev_is_pending(&m->ev);
}

static void io_cb(struct ev_loop *ev, ev_io *io, int events)
{
    (void)ev;
    struct loop_io *w = io->data;
    if ((events & EV_ERROR) && fcntl(io->fd, F_GETFD) >= 0) {
        lose(w);
        return;
    }
    /* of a descriptor that is no more, the owner's read will tell */
    w->events = ((events & EV_READ) ? LOOP_READ : 0) | ((events & EV_WRITE) ? LOOP_WRITE : 0);
    w->fn(w->obj);
}

/* Stops it whether it is watched or waits to be tried again. */
static void io_stop(struct loop_io *w)
{
    ev_io_stop(w->loop->ev, io_of(w));
    if (w->loop->lost)
        forget_lost(w);
}

void loop_io_init(struct loop_io *w, struct loop *l, loop_fn *fn, void *obj)
{
    *w = (struct loop_io){.fn = fn, .obj = obj, .loop = l};
    ev_init(io_of(w), io_cb);
    io_of(w)->data = w;
}

void loop_io_urgent(struct loop_io *w)
{
    ev_set_priority(io_of(w), EV_MAXPRI - 1);
}

/* epoll refuses what is always ready, and libev would then poll without waiting: 100 % CPU. What
 * cannot be looked at for another reason than that it is not there is none of those. */
static int check_waitable(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return errno == EBADF ? -1 : 0;
    if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || !(st.st_mode & S_IFMT))
        return 0;
    errno = EPERM;
    if (!S_ISCHR(st.st_mode))
        return -1;
    int probe = epoll_create1(EPOLL_CLOEXEC);
    if (probe < 0)
        return -1;
    struct epoll_event ev = {.events = EPOLLIN};
    int r = epoll_ctl(probe, EPOLL_CTL_ADD, fd, &ev);
    fd_close(&probe);
    return r;
}

int loop_io_set(struct loop_io *w, int fd, int events)
{
    ev_io *io = io_of(w);
    int want = ((events & LOOP_READ) ? EV_READ : 0) | ((events & LOOP_WRITE) ? EV_WRITE : 0);
    bool active = ev_is_active(io);
    if (active && io->fd == fd && (io->events & (EV_READ | EV_WRITE)) == want)
        return 0;
    bool known = active && io->fd == fd;
    io_stop(w);
    if (!want)
        return 0;
    if (!known && !(events & LOOP_SOCKET) && check_waitable(fd) < 0) {
        int saved = errno;
        log_error("event loop: cannot wait for descriptor %d: %s", fd, strerrordesc_np(saved));
        errno = saved;
        return -1;
    }
    ev_io_set(io, fd, want);
    io_start(w);
    return 0;
}

int loop_io_events(const struct loop_io *w)
{
    return w->events;
}

void loop_io_close(struct loop_io *w, int *fd)
{
    if (w->loop) {
        io_stop(w);
        int saved = errno;
        if (*fd >= 0 && w->loop->epoll_fd >= 0)
            epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
        errno = saved;
    }
    fd_close(fd);
}

void loop_defer_init(struct loop_defer *d, loop_fn *fn, void *obj)
{
    *d = (struct loop_defer){.fn = fn, .obj = obj};
}

void loop_defer(struct loop *l, struct loop_defer *d)
{
    if (d->queued)
        return;
    d->queued = true;
    d->next = NULL;
    *l->last = d;
    l->last = &d->next;
}

static bool unlink_from(struct loop_defer **p, struct loop_defer *d)
{
    while (*p && *p != d)
        p = &(*p)->next;
    if (!*p)
        return false;
    *p = d->next;
    return true;
}

void loop_defer_cancel(struct loop *l, struct loop_defer *d)
{
    if (!d->queued)
        return;
    if (!unlink_from(&l->running, d) && unlink_from(&l->first, d)) {
        l->last = &l->first;
        while (*l->last)
            l->last = &(*l->last)->next;
    }
    d->next = NULL;
    d->queued = false;
}
