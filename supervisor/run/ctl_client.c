/* One connection of the control server: bytes in, requests, bytes out, and its deadlines. */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/ctl_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

size_t ctl_client_waiting(const struct ctl_client *cl)
{
    return cl->out.len - cl->out_at;
}

static void drop(struct ctl_client *cl, const char *why)
{
    if (cl->dead)
        return;
    cl->dead = true;
    cl->ctl->stats.dropped++;
    if (LOG_LIMIT(10))
        log_warn("control: client dropped pid=%d uid=%u reason: %s", cl->peer.pid, cl->peer.uid,
                 why);
}

void ctl_client_unsubscribe(struct ctl_client *cl)
{
    if (cl->sub_id[0])
        cl->ctl->nsubscribers--;
    cl->ctl->ntext -= cl->text;
    cl->text = false;
    cl->sub_id[0] = '\0';
}

/* ---- output ---- */

/* takes sent bytes out of the buffer: all memory when none wait, else only now and then, because it
 * moves the rest */
static void out_sent(struct ctl_client *cl, size_t n)
{
    cl->out_at += n;
    if (cl->out_at == cl->out.len) {
        str_fini(&cl->out);
        cl->out_at = 0;
    } else if (cl->out_at >= 1u << 20 || cl->out_at >= cl->out.len / 2) {
        str_drop(&cl->out, cl->out_at);
        cl->out_at = 0;
    }
}

void ctl_client_send(struct ctl_client *cl)
{
    if (cl->out.failed)
        drop(cl, cl->out.nomem ? "no memory for its output" : "too much unread output");
    size_t n = ctl_client_waiting(cl);
    if (cl->dead || n == 0)
        return;
    ssize_t sent = send(cl->fd, cl->out.s + cl->out_at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
        out_sent(cl, (size_t)sent);
        cl->read_due = MONO_NEVER;
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS &&
               errno != ENOMEM) {
        cl->dead = true; /* it is gone: nobody to tell */
    }
    if (ctl_client_waiting(cl) == 0)
        cl->read_due = MONO_NEVER;
    else if (!cl->read_due.ns)
        cl->read_due = mono_add(loop_now(cl->ctl->config.loop), cl->ctl->limits.stall);
}

/* ---- input ---- */

/* supd-agent asks for many: each of its HTTP clients may wait for a program. */
#define AGENT_TIMES 64u

/* its next requests have to wait */
static bool is_blocked(const struct ctl_client *cl)
{
    unsigned times = cl->role & CTL_AGENT ? AGENT_TIMES : 1;
    return cl->nreqs >= cl->ctl->limits.inflight * times ||
           ctl_client_waiting(cl) >= cl->ctl->limits.out_high;
}

/* what a half line waits for is its rest: from its first byte on it has limited time */
static void set_line_due(struct ctl_client *cl)
{
    if (wire_buf_pending(&cl->in) == 0 || cl->more || is_blocked(cl))
        cl->line_due = MONO_NEVER;
    else if (!cl->line_due.ns)
        cl->line_due = mono_add(loop_now(cl->ctl->config.loop), cl->ctl->limits.stall);
}

static void too_long(struct ctl_client *cl)
{
    wire_put_error(&cl->out, WIRE_NO_ID, WIRE_BAD_REQUEST, "a line is longer than 65536 bytes");
    cl->closing = true;
    ctl_client_unsubscribe(cl);
}

static void take_lines(struct ctl_client *cl)
{
    char *line;
    size_t n;
    int got = 0;
    unsigned budget = CTL_TURN_REQUESTS;
    while (!cl->dead && !cl->closing && !is_blocked(cl) && budget > 0) {
        got = wire_buf_line(&cl->in, &line, &n);
        if (got <= 0)
            break;
        budget--;
        cl->used = loop_now(cl->ctl->config.loop);
        cl->line_due = MONO_NEVER;
        ctl_dispatch(cl, line, n);
    }
    cl->more = budget == 0;
    if (got < 0)
        too_long(cl);
    wire_buf_compact(&cl->in);
    set_line_due(cl);
}

/* The other side will send no more: its subscription ends, its answers still go out. If it is gone
 * altogether (and did not only close its writing side), nothing does. */
static void at_eof(struct ctl_client *cl)
{
    struct pollfd p = {.fd = cl->fd};
    cl->eof = true;
    ctl_client_unsubscribe(cl);
    if ((cl->role & CTL_AGENT) || (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR))))
        cl->dead = true;
}

static void receive(struct ctl_client *cl)
{
    char *room = wire_buf_room(&cl->in, CTL_READ_CHUNK);
    if (!room) {
        drop(cl, "no memory for its request");
        return;
    }
    ssize_t n = recv(cl->fd, room, CTL_READ_CHUNK, MSG_DONTWAIT);
    if (n > 0)
        wire_buf_added(&cl->in, (size_t)n);
    else if (n == 0)
        at_eof(cl);
    else if (errno != EAGAIN && errno != EINTR)
        cl->dead = true;
}

static void on_io(struct ctl_client *cl)
{
    if (!cl->dead && (loop_io_events(&cl->io) & LOOP_READ))
        receive(cl);
    ctl_touch(cl->ctl);
}

static void on_timer(struct ctl_client *cl)
{
    mono_t now = loop_now(cl->ctl->config.loop);
    if (mono_reached(cl->read_due, now))
        drop(cl, "it does not read");
    else if (mono_reached(cl->line_due, now))
        drop(cl, "half a request");
    ctl_touch(cl->ctl);
}

/* ---- life ---- */

/* a closing client, or one that will send no more, ends when nothing is left to say */
static bool is_finished(const struct ctl_client *cl)
{
    if (cl->dead)
        return true;
    if (ctl_client_waiting(cl) > 0)
        return false;
    return cl->closing || (cl->eof && cl->nreqs == 0 && !cl->more);
}

static void set_watcher(struct ctl_client *cl)
{
    int events = 0;
    if (!cl->eof && !cl->closing && !cl->more && !is_blocked(cl))
        events |= LOOP_READ;
    if (ctl_client_waiting(cl) > 0)
        events |= LOOP_WRITE;
    loop_io_set(&cl->io, cl->fd, events);
    loop_timer_at(&cl->timer, mono_min(cl->read_due, cl->line_due));
}

bool ctl_client_turn(struct ctl_client *cl)
{
    ctl_client_send(cl);
    if (!cl->dead && (cl->more || wire_buf_pending(&cl->in) > 0)) {
        take_lines(cl);
        ctl_client_send(cl);
    }
    if (is_finished(cl))
        return false;
    set_watcher(cl);
    return true;
}

struct ctl_client *ctl_client_new(struct ctl *c, int fd, const struct usock_peer *peer,
                                  unsigned role)
{
    struct ctl_client *cl = calloc(1, sizeof(*cl));
    if (!cl)
        return NULL;
    cl->ctl = c;
    cl->fd = fd;
    cl->peer = *peer;
    cl->role = role;
    cl->used = loop_now(c->config.loop);
    wire_buf_init(&cl->in, WIRE_LINE_MAX + 2 * CTL_READ_CHUNK);
    str_init(&cl->out, c->limits.out_max);
    LOOP_IO(&cl->io, c->config.loop, on_io, cl);
    LOOP_TIMER(&cl->timer, c->config.loop, on_timer, cl);
    str_printf(&cl->out, "supd %d version=%s pid=%d\n", WIRE_PROTOCOL, c->config.version, getpid());
    ctl_touch(c);
    return cl;
}

void ctl_client_evict(struct ctl_client *cl, const char *text)
{
    wire_put_error(&cl->out, WIRE_NO_ID, WIRE_BUSY, text);
    ctl_client_send(cl);
    cl->dead = true;
}

bool ctl_client_idle(const struct ctl_client *cl, mono_t before)
{
    return !cl->dead && cl->nreqs == 0 && !cl->sub_id[0] && ctl_client_waiting(cl) == 0 &&
           wire_buf_pending(&cl->in) == 0 && !(cl->role & CTL_AGENT) &&
           mono_reached(cl->used, before);
}

void ctl_client_free(struct ctl_client *cl)
{
    ctl_cancel_all(cl);
    ctl_client_unsubscribe(cl);
    loop_timer_stop(&cl->timer);
    if (cl->fd >= 0)
        loop_io_close(&cl->io, &cl->fd);
    wire_buf_fini(&cl->in);
    str_fini(&cl->out);
    if (cl->closed)
        cl->closed(cl->closed_obj);
    free(cl);
}
