/* The control server: the socket, who may come in, the end of each turn, and events. */
#include "supervisor/run/ctl.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/ctl_impl.h"
#include "supervisor/run/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16
#define PASSES_PER_TURN 4

static const struct ctl_limits defaults = {
    .clients = 64,
    .inflight = 32,
    .out_max = 8u << 20,
    .out_high = 1u << 20,
    .stall = {INT64_C(30000000000)},
    .idle = {INT64_C(1000000000)},
};

/* ---- the end of a turn ---- */

void ctl_touch(struct ctl *c)
{
    c->touched = true;
    loop_defer(c->config.loop, &c->turn);
}

/* one look at every client; true if one of them has whole requests left for the next turn */
static bool pass(struct ctl *c)
{
    bool more = false;
    for (unsigned i = 0; i < c->nclients;) {
        struct ctl_client *cl = c->clients[i];
        if (ctl_client_turn(cl)) {
            more |= cl->more;
            i++;
            continue;
        }
        c->clients[i] = c->clients[--c->nclients];
        ctl_client_free(cl);
    }
    return more;
}

static void on_turn(struct ctl *c)
{
    bool more = false;
    for (int i = 0; i < PASSES_PER_TURN && c->touched; i++) {
        c->touched = false;
        more = pass(c);
    }
    if (more || c->touched) {
        ctl_touch(c);
        loop_again(c->config.loop);
    }
}

/* ---- who may come in ---- */

static void say_and_close(int fd, enum wire_code code, const char *text)
{
    struct str out = STR_INIT;
    wire_put_error(&out, WIRE_NO_ID, code, text);
    ssize_t n = write(fd, str_text(&out), out.len); /* a fresh socket takes one line */
    (void)n;
    str_fini(&out);
    fd_close(&fd);
}

static void refuse(struct ctl *c, int fd, const struct usock_peer *peer, enum wire_code code,
                   const char *text)
{
    c->stats.refused++;
    if (LOG_LIMIT(10))
        log_warn("control: client refused pid=%d uid=%u reason: %s", peer->pid, peer->uid, text);
    say_and_close(fd, code, text);
}

/* The role of a peer, or 0. Whoever got through the socket's mode without being the owner is a
 * member of its group. An abstract name has no mode: there only the owner counts, and a peer of
 * another pid namespace (pid 0) does not, since its uid 0 may mean nothing here. */
static unsigned role_of(const struct ctl *c, const struct usock_peer *peer)
{
    bool abstract = c->path[0] == '@';
    if (abstract && peer->pid == 0)
        return 0;
    if (peer->uid == 0 || peer->uid == c->uid)
        return CTL_ADMIN;
    return c->gid >= 0 && !abstract ? CTL_READER : 0;
}

static unsigned count_readers(const struct ctl *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->nclients; i++)
        n += c->clients[i]->role == CTL_READER;
    return n;
}

static bool is_full(const struct ctl *c, unsigned role)
{
    return c->nclients >= c->limits.clients ||
           (role == CTL_READER && count_readers(c) >= c->limits.clients / 4 * 3);
}

/* Makes room: the client that has been idle for longest is told and dropped. Readers never push
 * out an admin. */
static bool make_room(struct ctl *c, unsigned role)
{
    mono_t before = {loop_now(c->config.loop).ns - c->limits.idle.ns};
    unsigned best = c->nclients;
    for (unsigned i = 0; i < c->nclients; i++) {
        const struct ctl_client *cl = c->clients[i];
        if (!ctl_client_idle(cl, before) || (role == CTL_READER && cl->role != CTL_READER))
            continue;
        if (best == c->nclients || cl->used.ns < c->clients[best]->used.ns)
            best = i;
    }
    if (best == c->nclients)
        return false;
    struct ctl_client *cl = c->clients[best];
    c->clients[best] = c->clients[--c->nclients];
    ctl_client_evict(cl, "too many clients, and this one was idle");
    ctl_client_free(cl);
    c->stats.dropped++;
    return true;
}

static void admit(struct ctl *c, int fd, const struct usock_peer *peer)
{
    unsigned role = role_of(c, peer);
    if (!role) {
        refuse(c, fd, peer, WIRE_DENIED, "this peer may not use the control socket");
        return;
    }
    if (is_full(c, role) && !make_room(c, role)) {
        refuse(c, fd, peer, WIRE_BUSY, "too many clients; try again");
        return;
    }
    struct ctl_client *cl = ctl_client_new(c, fd, peer, (enum ctl_role)role);
    if (!cl) {
        refuse(c, fd, peer, WIRE_BUSY, "no memory for one more client; try again");
        return;
    }
    c->stats.accepted++;
    c->clients[c->nclients++] = cl;
}

/* out of descriptors, memory or permission: the socket would report the same connection again and
 * again */
static void pause_accept(struct ctl *c, int errnum)
{
    if (LOG_LIMIT(60))
        log_warn("control: cannot accept a client: %s; trying again each second", strerror(errnum));
    loop_io_set(&c->io, c->fd, 0);
    loop_timer_at(&c->retry, mono_add(loop_now(c->config.loop), DUR_S(1)));
}

static void on_accept(struct ctl *c)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct usock_peer peer;
        int fd = usock_accept(c->fd, &peer);
        if (fd >= 0) {
            admit(c, fd, &peer);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN)
            pause_accept(c, errno);
        return;
    }
}

/* ---- the socket ---- */

static void on_removed(struct ctl *c)
{
    ctl_check(c);
}

static void on_retry(struct ctl *c)
{
    if (c->fd >= 0)
        loop_io_set(&c->io, c->fd, LOOP_READ);
    ctl_check(c);
}

static void watch_file(struct ctl *c)
{
    if (c->path[0] == '@')
        return;
    if (pathwatch_set(&c->watch, c->path) < 0)
        log_debug("control: cannot watch %s: %s; a removed socket comes back at the next HUP",
                  c->path, strerror(errno));
}

static void keep_socket(const struct ctl *c)
{
    struct state_kept *k = c->config.kept;
    if (!k)
        return;
    k->socket_gid = c->gid;
    k->socket_dev = c->dev;
    k->socket_ino = c->ino;
    k->socket = c->fd;
}

/* remembers which file is ours and watches it */
static void note_file(struct ctl *c)
{
    struct stat st;
    c->relisten = (dur_t){0};
    if (c->path[0] == '@' || lstat(c->path, &st) < 0)
        return;
    c->dev = st.st_dev;
    c->ino = st.st_ino;
    watch_file(c);
}

static int listen_on(struct ctl *c, const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy)
        return err_errno(e, errno, "cannot open the control socket");
    int fd = usock_listen(path, c->gid, e);
    if (fd < 0) {
        free(copy);
        return -1;
    }
    if (c->fd >= 0)
        loop_io_close(&c->io, &c->fd);
    free(c->path);
    c->path = copy;
    c->fd = fd;
    loop_io_set(&c->io, fd, LOOP_READ);
    note_file(c);
    keep_socket(c);
    return 0;
}

/* Somebody may have removed the file while nobody watched it. */
int ctl_go_on(struct ctl *c, const char *path, struct err *e)
{
    const struct state_kept *k = c->config.kept;
    c->path = strdup(path);
    if (!c->path)
        return err_errno(e, ENOMEM, "cannot go on with the control socket");
    c->fd = k->socket;
    c->gid = k->socket_gid;
    loop_io_set(&c->io, c->fd, LOOP_READ);
    c->dev = k->socket_dev;
    c->ino = k->socket_ino;
    watch_file(c);
    loop_timer_at(&c->retry, mono_add(mono_now(), DUR_S(1)));
    return 0;
}

static bool is_gone(const struct ctl *c)
{
    struct stat st;
    return lstat(c->path, &st) < 0 ? errno == ENOENT || errno == ENOTDIR
                                   : st.st_dev != c->dev || st.st_ino != c->ino;
}

void ctl_check(struct ctl *c)
{
    struct err e;
    if (!c->path || c->path[0] == '@' || !is_gone(c))
        return;
    char *path = strdup(c->path);
    if (path && listen_on(c, path, &e) == 0) {
        log_warn("control: %s was removed; made again", c->path);
    } else {
        c->relisten = dur_doubled(c->relisten, DUR_S(1), DUR_S(60));
        if (LOG_LIMIT(60))
            log_warn("control: %s was removed and cannot be made again: %s", c->path,
                     path ? e.msg : "out of memory");
        loop_timer_at(&c->retry, mono_add(loop_now(c->config.loop), c->relisten));
    }
    free(path);
}

int ctl_open_path(struct ctl *c, const char *path, int64_t gid, struct err *e)
{
    c->gid = gid;
    return listen_on(c, path, e);
}

const char *ctl_path(const struct ctl *c)
{
    return c->path ? c->path : "";
}

/* ---- life ---- */

static struct ctl_limits with_defaults(struct ctl_limits l)
{
    l.clients = l.clients ? l.clients : defaults.clients;
    l.inflight = l.inflight ? l.inflight : defaults.inflight;
    l.out_max = l.out_max ? l.out_max : defaults.out_max;
    l.out_high = l.out_high ? l.out_high : defaults.out_high;
    l.stall = l.stall.ns ? l.stall : defaults.stall;
    l.idle = l.idle.ns ? l.idle : defaults.idle;
    return l;
}

struct ctl *ctl_new(const struct ctl_config *config, struct err *e)
{
    struct ctl_limits limits = with_defaults(config->limits);
    struct ctl *c = calloc(1, sizeof(*c));
    struct ctl_client **clients = calloc(limits.clients + 1, sizeof(*clients));
    if (!c || !clients) {
        err_errno(e, errno, "cannot make the control server");
        free(c);
        free(clients);
        return NULL;
    }
    c->config = *config;
    c->limits = limits;
    c->clients = clients; /* one place more, for the agent's channel */
    c->fd = -1;
    c->gid = -1;
    c->uid = geteuid();
    c->seq = config->kept ? &config->kept->events : &c->own_seq;
    LOOP_IO(&c->io, config->loop, on_accept, c);
    LOOP_TIMER(&c->retry, config->loop, on_retry, c);
    LOOP_DEFER(&c->turn, on_turn, c);
    pathwatch_init(&c->watch, config->loop, (loop_fn *)on_removed, c);
    return c;
}

void ctl_free(struct ctl **cp)
{
    struct ctl *c = *cp;
    if (!c)
        return;
    while (c->nclients > 0)
        ctl_client_free(c->clients[--c->nclients]);
    pathwatch_fini(&c->watch);
    loop_timer_stop(&c->retry);
    loop_defer_cancel(c->config.loop, &c->turn);
    if (c->path && c->path[0] != '@' && !is_gone(c))
        unlink(c->path);
    if (c->fd >= 0)
        loop_io_close(&c->io, &c->fd);
    str_fini(&c->event);
    free(c->path);
    free(c->clients);
    free(c);
    *cp = NULL;
}

void ctl_set_roles(struct ctl_client *cl, unsigned roles)
{
    cl->role = roles;
}

struct ctl_client *ctl_adopt(struct ctl *c, int fd, unsigned roles, ctl_closed_fn *closed,
                             void *obj)
{
    struct usock_peer peer = {.pid = getpid(), .uid = c->uid, .gid = getegid()};
    if (c->nclients >= c->limits.clients + !!(roles & CTL_AGENT)) {
        errno = EMFILE;
        return NULL;
    }
    struct ctl_client *cl = ctl_client_new(c, fd, &peer, roles);
    if (!cl)
        return NULL;
    cl->closed = closed;
    cl->closed_obj = obj;
    c->clients[c->nclients++] = cl;
    return cl;
}

void ctl_drop(struct ctl_client *cl)
{
    ctl_client_send(cl); /* what it was told in this turn */
    cl->dead = true;
    ctl_touch(cl->ctl);
}

void ctl_stats(const struct ctl *c, struct ctl_stats *out)
{
    *out = c->stats;
    out->clients = c->nclients;
    out->subscribers = c->nsubscribers;
    out->events = *c->seq;
}

const struct ctl_verb *ctl_verbs(const struct ctl *c, size_t *out_n)
{
    *out_n = c->config.nverbs;
    return c->config.verbs;
}

/* ---- events ---- */

bool ctl_has_subscribers(const struct ctl *c)
{
    return c->nsubscribers > 0;
}

bool ctl_has_text_subscribers(const struct ctl *c)
{
    return c->ntext > 0;
}

static struct wire_out *event_begin(struct ctl *c, const char *type, uint64_t seq)
{
    str_clear(&c->event);
    wire_begin(&c->event_out, &c->event, "", "event");
    if (seq)
        wire_kv_int(&c->event_out, "seq", (int64_t)seq);
    wire_kv_int(&c->event_out, "time_ms", wall_now().ns / 1000000);
    wire_kv(&c->event_out, "type", type);
    return &c->event_out;
}

struct wire_out *ctl_event(struct ctl *c, const char *type)
{
    ++*c->seq;
    return c->nsubscribers ? event_begin(c, type, *c->seq) : NULL;
}

void ctl_event_end(struct ctl *c)
{
    wire_end(&c->event_out);
    for (unsigned i = 0; i < c->nclients; i++) {
        struct ctl_client *cl = c->clients[i];
        if (!cl->sub_id[0])
            continue;
        str_puts(&cl->out, cl->sub_id);
        str_put(&cl->out, c->event.s, c->event.len);
        if (c->event.failed)
            cl->out.failed = true; /* it would miss one: it has to start anew */
    }
    ctl_touch(c);
}

struct wire_out *ctl_text_event(struct ctl *c, const char *type)
{
    return c->ntext ? event_begin(c, type, 0) : NULL;
}

/* To one of those who want it, unless too much waits for it already. */
static void text_to(struct ctl_client *cl)
{
    const struct str *event = &cl->ctl->event;
    if (event->failed || cl->out.failed || ctl_client_waiting(cl) >= cl->ctl->limits.out_high) {
        cl->missed++;
        return;
    }
    str_puts(&cl->out, cl->sub_id);
    str_put(&cl->out, event->s, event->len);
    if (cl->missed)
        str_printf(&cl->out, "\tmissed=%llu", (unsigned long long)cl->missed);
    str_putc(&cl->out, '\n');
    cl->missed = 0;
}

void ctl_text_event_end(struct ctl *c)
{
    for (unsigned i = 0; i < c->nclients; i++)
        if (c->clients[i]->text)
            text_to(c->clients[i]);
    ctl_touch(c);
}

bool ctl_event_to(struct ctl_client *cl, const char *type, struct wire_out *out_w)
{
    if (!cl->sub_id[0] || cl->dead)
        return false;
    wire_begin(out_w, &cl->out, cl->sub_id, "event");
    wire_kv(out_w, "type", type);
    ctl_touch(cl->ctl);
    return true;
}
