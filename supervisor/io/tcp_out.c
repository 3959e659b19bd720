/* One exchange over TCP or a unix socket. */
#include "supervisor/io/tcp_out.h"

#include "supervisor/base/dur.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_SIZE 4096

struct tcp_call {
    struct tcp_request rq;
    struct tcp_result r;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_defer defer;
    int fd;
    mono_t started, connecting, connected;
    struct resolve_query *query;
    struct resolve_result addrs;
    size_t addr;
    bool is_connected, ended;
    bool watched; /* the loop has seen fd */
    size_t sent;
    struct str got;
};

/* ---- the end ---- */

/* What the loop never saw needs not be taken out of it. */
static void close_socket(struct tcp_call *c)
{
    if (c->watched)
        loop_io_close(&c->io, &c->fd);
    else
        fd_close(&c->fd);
    c->watched = false;
}

static void watch(struct tcp_call *c, int events)
{
    c->watched |= events != 0;
    loop_io_set(&c->io, c->fd, events ? events | LOOP_SOCKET : 0);
}

static void call_free(struct tcp_call *c)
{
    resolve_cancel(&c->query);
    close_socket(c);
    loop_timer_stop(&c->timer);
    loop_defer_cancel(c->rq.loop, &c->defer);
    str_fini(&c->got);
    free(c);
}

void tcp_cancel(struct tcp_call **cp)
{
    if (*cp)
        call_free(*cp);
    *cp = NULL;
}

static void deliver(struct tcp_call *c)
{
    c->r.total_ns = mono_sub(mono_now(), c->started).ns;
    c->r.got = str_text(&c->got);
    c->r.got_len = c->got.len;
    if (c->rq.out_fd) {
        *c->rq.out_fd = c->fd;
        c->fd = -1;
    }
    c->rq.done(c->rq.obj, &c->r);
    call_free(c);
}

static void __attribute__((format(printf, 3, 4)))
finish(struct tcp_call *c, enum tcp_error error, const char *fmt, ...)
{
    va_list ap;
    if (c->ended)
        return;
    c->ended = true;
    va_start(ap, fmt);
    vsnprintf(c->r.text, sizeof(c->r.text), fmt, ap);
    va_end(ap);
    c->r.error = error;
    if (c->is_connected && (c->sent || c->rq.look))
        c->r.answer_ns = error == TCP_OK ? mono_sub(mono_now(), c->connected).ns : -1;
    resolve_cancel(&c->query);
    if (error == TCP_OK && c->rq.out_fd)
        watch(c, 0);
    else
        close_socket(c);
    loop_timer_stop(&c->timer);
    loop_defer(c->rq.loop, &c->defer);
}

static const char *peer_text(const struct tcp_call *c, char *buf, size_t size)
{
    if (c->rq.path)
        snprintf(buf, size, "%s", c->rq.path);
    else
        netaddr_text(&c->addrs.addrs[c->addr], buf, size);
    return buf;
}

/* "5s": what was given for all of it; the start was read a little later than the deadline was */
static const char *time_text(const struct tcp_call *c, char *buf, size_t size)
{
    int64_t ns = mono_sub(c->rq.deadline, c->started).ns + 5000000;
    return dur_format((dur_t){ns - ns % 10000000}, buf, size);
}

/* ---- talking ---- */

static void want(struct tcp_call *c)
{
    bool sending = c->sent < c->rq.send_len;
    watch(c, (sending ? LOOP_WRITE : 0) | (c->rq.look || sending ? LOOP_READ : 0));
}

static void say_closed(struct tcp_call *c, int number)
{
    char peer[128];
    peer_text(c, peer, sizeof(peer));
    if (number)
        finish(c, TCP_CLOSED, "%s broke the connection: %s", peer, strerrordesc_np(number));
    else
        finish(c, TCP_CLOSED, "%s closed the connection after %zu bytes", peer, c->got.len);
}

static void send_more(struct tcp_call *c)
{
    while (c->sent < c->rq.send_len) {
        ssize_t n = send(c->fd, c->rq.send + c->sent, c->rq.send_len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            say_closed(c, errno);
            return;
        }
        c->sent += (size_t)n;
    }
    if (!c->rq.look)
        finish(c, TCP_OK, "%s", "");
}

static void look(struct tcp_call *c)
{
    int found = c->rq.look(c->rq.obj, str_text(&c->got), c->got.len);
    if (found > 0)
        finish(c, TCP_OK, "%s", "");
    else if (found < 0)
        finish(c, TCP_NOT_FOUND, "the pattern is too costly for what was read");
    else if (c->got.len >= c->rq.max_bytes)
        finish(c, TCP_NOT_FOUND, "not found in the first %zu bytes", c->got.len);
}

static void read_more(struct tcp_call *c)
{
    char buf[READ_SIZE];
    size_t room = c->rq.look ? c->rq.max_bytes - c->got.len : sizeof(buf);
    ssize_t n = recv(c->fd, buf, room < sizeof(buf) ? room : sizeof(buf), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        say_closed(c, n < 0 ? errno : 0);
        return;
    }
    if (!c->rq.look)
        return;
    str_put(&c->got, buf, (size_t)n);
    look(c);
}

/* ---- connecting ---- */

static void connected(struct tcp_call *c)
{
    c->is_connected = true;
    c->connected = mono_now();
    c->r.connect_ns = mono_sub(c->connected, c->connecting).ns;
    loop_timer_at(&c->timer, c->rq.deadline);
    send_more(c);
    if (!c->ended)
        want(c);
}

static void connect_next(struct tcp_call *c);

static void connect_failed(struct tcp_call *c, int number)
{
    char peer[128], time[DUR_TEXT];
    peer_text(c, peer, sizeof(peer));
    time_text(c, time, sizeof(time));
    close_socket(c);
    if (!c->rq.path && c->addr + 1 < c->addrs.naddrs) {
        c->addr++;
        connect_next(c);
    } else if (number == ECONNREFUSED) {
        finish(c, TCP_REFUSED, "connection refused by %s", peer);
    } else if (number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOBUFS) {
        finish(c, TCP_LOCAL, "cannot make a socket: %s", strerrordesc_np(number));
    } else if (number == ETIMEDOUT) {
        finish(c, TCP_CONNECT_TIMEOUT, "no connection to %s within %s", peer, time);
    } else {
        finish(c, TCP_REFUSED, "cannot connect to %s: %s", peer, strerrordesc_np(number));
    }
}

static void on_io(struct tcp_call *c)
{
    int number = 0;
    socklen_t len = sizeof(number);
    if (!c->is_connected) {
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &number, &len) < 0)
            number = errno;
        if (number)
            connect_failed(c, number);
        else
            connected(c);
        return;
    }
    if (loop_io_events(&c->io) & LOOP_READ)
        read_more(c);
    if (!c->ended && c->sent < c->rq.send_len)
        send_more(c);
    if (!c->ended)
        want(c);
}

static void begin_connect(struct tcp_call *c, int domain, const struct sockaddr *sa, socklen_t len)
{
    c->connecting = mono_now();
    c->fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        connect_failed(c, errno);
        return;
    }
    int r = connect(c->fd, sa, len);
    if (r < 0 && errno == EINPROGRESS)
        r = connect(c->fd, sa, len); /* a near host has answered by now */
    if (r == 0)
        connected(c);
    else if (errno == EALREADY)
        watch(c, LOOP_WRITE);
    else
        connect_failed(c, errno == EAGAIN ? ECONNREFUSED : errno); /* a unix socket's full queue */
}

static void connect_next(struct tcp_call *c)
{
    const struct netaddr *a = &c->addrs.addrs[c->addr];
    mono_t now = loop_now(c->rq.loop), at = c->rq.deadline;
    size_t left = c->addrs.naddrs - c->addr;
    if (left > 1)
        at = mono_add(now, (dur_t){mono_sub(at, now).ns / (int64_t)left});
    loop_timer_at(&c->timer, at);
    c->r.peer = *a;
    begin_connect(c, a->sa.sa_family, &a->sa, a->len);
}

static void connect_path(struct tcp_call *c)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(c->rq.path);
    loop_timer_at(&c->timer, c->rq.deadline);
    if (n >= sizeof(un.sun_path)) {
        finish(c, TCP_LOCAL, "the path of the socket has more than %zu bytes",
               sizeof(un.sun_path) - 1);
        return;
    }
    memcpy(un.sun_path, c->rq.path, n);
    if (un.sun_path[0] == '@')
        un.sun_path[0] = '\0';
    begin_connect(c, AF_UNIX, (const struct sockaddr *)&un,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

static void on_addrs(void *obj, const struct resolve_result *r)
{
    struct tcp_call *c = obj;
    c->query = NULL;
    c->r.resolve_ns = r->cached ? 0 : mono_sub(mono_now(), c->started).ns;
    c->addrs = *r;
    if (r->status == RESOLVE_OK)
        connect_next(c);
    else
        finish(c, TCP_DNS, "%s", r->text);
}

/* ---- time ---- */

static void say_late(struct tcp_call *c)
{
    long long ms = (long long)((c->r.connect_ns + 500000) / 1000000);
    char time[DUR_TEXT];
    time_text(c, time, sizeof(time));
    if (c->got.len)
        finish(c, TCP_READ_TIMEOUT, "not found within %s (connected in %lld ms, %zu bytes read)",
               time, ms, c->got.len);
    else
        finish(c, TCP_READ_TIMEOUT, "no answer within %s (connected in %lld ms, waiting for %s)",
               time, ms, c->sent < c->rq.send_len ? "the peer to read" : "the first byte");
}

static void on_deadline(struct tcp_call *c)
{
    if (!c->is_connected)
        connect_failed(c, ETIMEDOUT);
    else
        say_late(c);
}

struct tcp_call *tcp_start(const struct tcp_request *rq)
{
    struct tcp_call *c = mem_zalloc(sizeof(*c));
    c->rq = *rq;
    c->fd = -1;
    c->started = mono_now();
    c->r.resolve_ns = c->r.connect_ns = c->r.answer_ns = -1;
    LOOP_IO(&c->io, rq->loop, on_io, c);
    LOOP_TIMER(&c->timer, rq->loop, on_deadline, c);
    LOOP_DEFER(&c->defer, deliver, c);
    if (rq->path) {
        connect_path(c);
        return c;
    }
    struct resolve_request q = {.name = rq->host,
                                .family = rq->family,
                                .port = rq->port,
                                .deadline = rq->deadline,
                                .done = on_addrs,
                                .obj = c};
    c->query = resolve_start(rq->resolve, &q);
    return c;
}
