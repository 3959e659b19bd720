/* c-ares in our loop. */
#include "supervisor/io/dnschan.h"

#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"

#include <ares.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/queue.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define LOOK_AGAIN DUR_S(5) /* at resolv.conf */
/* Each server is tried with growing waits; the deadlines of those who ask end it for them. */
#define TRY_MS 1000
#define TRIES 3
#define LOOK DUR_MS(50) /* between two looks at what has timed out, while questions are open */

/* The library's state with the servers it was made with. A changed resolv.conf gets a new one; the
 * old one goes when its last question is answered. */
struct state {
    struct dnschan *c;
    ares_channel ares;
    size_t asking;
    LIST_HEAD(, sock) socks;
};
struct sock {
    struct state *st;
    int fd;
    struct loop_io io;
    LIST_ENTRY(sock) next;
};
struct question {
    struct state *st;
    dns_answer_fn *fn;
    void *obj;
};
struct dnschan {
    struct loop *loop;
    char *servers;
    struct state *st, *old;
    struct loop_timer timer;
    struct loop_defer touch; /* sets the timer at the end of the turn */
    mono_t looked;           /* at resolv.conf */
    struct timespec changed;
};

static void touched(struct dnschan *c)
{
    loop_defer(c->loop, &c->touch);
}

/* ---- sockets and time ---- */

static void on_sock(struct sock *s)
{
    struct dnschan *c = s->st->c;
    int ev = loop_io_events(&s->io);
    ares_process_fd(s->st->ares, (ev & LOOP_READ) ? s->fd : ARES_SOCKET_BAD,
                    (ev & LOOP_WRITE) ? s->fd : ARES_SOCKET_BAD);
    touched(c); /* s may be gone */
}

static struct sock *sock_of(struct state *st, int fd)
{
    struct sock *s;
    LIST_FOREACH (s, &st->socks, next) {
        if (s->fd == fd)
            return s;
    }
    s = mem_zalloc(sizeof(*s));
    s->st = st;
    s->fd = fd;
    LOOP_IO(&s->io, st->c->loop, on_sock, s);
    LIST_INSERT_HEAD(&st->socks, s, next);
    return s;
}

/* The library closes the descriptor itself after it has said that it wants nothing of it. */
static void on_state(void *obj, ares_socket_t fd, int readable, int writable)
{
    struct sock *s = sock_of(obj, fd);
    loop_io_set(&s->io, fd, (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0));
    if (readable || writable)
        return;
    LIST_REMOVE(s, next);
    free(s);
}

static void state_free(struct state **stp)
{
    struct state *st = *stp;
    if (!st)
        return;
    ares_destroy(st->ares); /* answers what is open, closes its sockets */
    free(st);
    *stp = NULL;
}

/* The library could say when the next question times out, but looks at all of them for that: with
 * thousands open that costs more than to let it look at those that are due, now and then. */
static void on_touch(struct dnschan *c)
{
    if (c->old && !c->old->asking)
        state_free(&c->old);
    if (!c->st->asking && !c->old)
        loop_timer_stop(&c->timer);
    else if (!loop_timer_active(&c->timer))
        loop_timer_at(&c->timer, mono_add(loop_now(c->loop), LOOK));
}

static void on_timer(struct dnschan *c)
{
    ares_process_fd(c->st->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (c->old)
        ares_process_fd(c->old->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    touched(c);
}

/* ---- the servers ---- */

static struct state *state_new(struct dnschan *c, struct err *e)
{
    struct state *st = mem_zalloc(sizeof(*st));
    st->c = c;
    LIST_INIT(&st->socks);
    struct ares_options o = {
        .sock_state_cb = on_state, .sock_state_cb_data = st, .timeout = TRY_MS, .tries = TRIES};
    int r = ares_init_options(&st->ares, &o,
                              ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (r == ARES_SUCCESS && c->servers) {
        r = ares_set_servers_ports_csv(st->ares, c->servers);
        if (r != ARES_SUCCESS)
            ares_destroy(st->ares);
    }
    if (r == ARES_SUCCESS)
        return st;
    err_set(e, "cannot set up DNS: %s", ares_strerror(r));
    free(st);
    return NULL;
}

static bool conf_changed(struct dnschan *c)
{
    struct stat s = {0};
    mono_t now = loop_now(c->loop);
    if (c->servers || (c->looked.ns && mono_sub(now, c->looked).ns < LOOK_AGAIN.ns))
        return false;
    c->looked = now;
    if (stat(RESOLV_CONF, &s) < 0)
        return false;
    bool changed = s.st_mtim.tv_sec != c->changed.tv_sec || s.st_mtim.tv_nsec != c->changed.tv_nsec;
    c->changed = s.st_mtim;
    return changed;
}

static void look_at_conf(struct dnschan *c)
{
    struct err e;
    if (!conf_changed(c) || c->old) /* a second change waits until the first has settled */
        return;
    struct state *st = state_new(c, &e);
    if (!st) {
        log_warn("%s: %s; the servers known before stay in use", RESOLV_CONF, e.msg);
        return;
    }
    c->old = c->st;
    c->st = st;
    touched(c);
}

struct dnschan *dnschan_new(struct loop *l, const char *servers, struct err *e)
{
    int r = ares_library_init(ARES_LIB_INIT_ALL);
    if (r != ARES_SUCCESS) {
        err_set(e, "cannot set up DNS: %s", ares_strerror(r));
        return NULL;
    }
    struct dnschan *c = mem_zalloc(sizeof(*c));
    c->loop = l;
    c->servers = servers ? mem_strdup(servers) : NULL;
    LOOP_TIMER(&c->timer, l, on_timer, c);
    LOOP_DEFER(&c->touch, on_touch, c);
    conf_changed(c);
    c->st = state_new(c, e);
    if (!c->st)
        dnschan_free(&c);
    return c;
}

void dnschan_free(struct dnschan **cp)
{
    struct dnschan *c = *cp;
    if (!c)
        return;
    state_free(&c->st);
    state_free(&c->old);
    loop_timer_stop(&c->timer);
    loop_defer_cancel(c->loop, &c->touch);
    free(c->servers);
    free(c);
    ares_library_cleanup();
    *cp = NULL;
}

/* ---- questions ---- */

static enum resolve_status status_of(int ares)
{
    switch (ares) {
    case ARES_SUCCESS:
        return RESOLVE_OK;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return RESOLVE_NOT_FOUND;
    case ARES_ETIMEOUT:
        return RESOLVE_TIMEOUT;
    default:
        return RESOLVE_FAILED;
    }
}

static const char *text_of(int ares)
{
    switch (ares) {
    case ARES_ENOTFOUND:
        return "no such name";
    case ARES_ENODATA:
        return "the name has no address of the wanted family";
    case ARES_EBADNAME:
        return "not a valid name";
    case ARES_ETIMEOUT:
        return "no DNS server answered";
    case ARES_ECONNREFUSED:
        return "no DNS server could be reached";
    case ARES_ESERVFAIL:
        return "the DNS server answered SERVFAIL";
    case ARES_EREFUSED:
        return "the DNS server refused to answer";
    default:
        return ares_strerror(ares);
    }
}

static void take_addrs(struct dns_answer *a, const struct ares_addrinfo *ai)
{
    a->ttl = UINT32_MAX;
    for (struct ares_addrinfo_node *n = ai->nodes; n && a->naddrs < RESOLVE_ADDRS; n = n->ai_next) {
        if (!netaddr_from(n->ai_addr, 0, &a->addrs[a->naddrs]))
            continue;
        a->naddrs++;
        if ((uint32_t)n->ai_ttl < a->ttl)
            a->ttl = (uint32_t)n->ai_ttl;
    }
}

static void on_ares(void *obj, int status, int timeouts, struct ares_addrinfo *ai)
{
    (void)timeouts;
    struct question *q = obj;
    struct dns_answer a = {.status = status_of(status)};
    if (ai) {
        if (status == ARES_SUCCESS)
            take_addrs(&a, ai);
        ares_freeaddrinfo(ai);
    }
    if (status == ARES_SUCCESS && !a.naddrs) {
        a.status = RESOLVE_NOT_FOUND;
        status = ARES_ENODATA;
    }
    snprintf(a.text, sizeof(a.text), "%s", status == ARES_SUCCESS ? "" : text_of(status));
    q->st->asking--;
    q->fn(q->obj, &a);
    free(q);
}

void dnschan_ask(struct dnschan *c, const char *name, int family, dns_answer_fn *fn, void *obj)
{
    look_at_conf(c);
    struct question *q = mem_zalloc(sizeof(*q));
    *q = (struct question){.st = c->st, .fn = fn, .obj = obj};
    struct ares_addrinfo_hints hints = {.ai_family = family == 4   ? AF_INET
                                                     : family == 6 ? AF_INET6
                                                                   : AF_UNSPEC,
                                        .ai_socktype = SOCK_STREAM};
    c->st->asking++;
    ares_getaddrinfo(c->st->ares, name, NULL, &hints, on_ares, q);
    touched(c);
}
