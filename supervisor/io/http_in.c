/* The HTTP server port: libmicrohttpd's epoll descriptor and its next deadline in our loop. */
#include "supervisor/io/http_in.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define CONNECTIONS 64u
#define IDLE_S 10u
#define HEAD_MAX ((size_t)32 * 1024)
#define BODY_MAX ((size_t)64 << 20)

/* A reply that is being written; its connection is suspended until it is whole. */
struct pending {
    TAILQ_ENTRY(pending) link;
    struct http_in *h;
    struct MHD_Connection *c;
    struct http_in_reply reply;
    bool whole;
};

struct http_in {
    struct loop *loop;
    struct loop_defer defer;
    TAILQ_HEAD(, pending) pending; /* those that are not whole */
    struct loop_io io;
    struct loop_timer timer;
    struct MHD_Daemon *daemon;
    http_in_fn *fn;
    void *obj;
};

const char *http_in_header(const struct http_in_request *rq, const char *name)
{
    return MHD_lookup_connection_value(rq->handle, MHD_HEADER_KIND, name);
}

static enum MHD_Result send_reply(struct MHD_Connection *c, struct http_in_reply *reply)
{
    size_t n = reply->body.len;
    char *text = str_take(&reply->body);
    struct MHD_Response *r = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(text);
        return MHD_NO;
    }
    if (reply->type)
        MHD_add_response_header(r, "Content-Type", reply->type);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    enum MHD_Result result = MHD_queue_response(c, (unsigned)reply->status, r);
    MHD_destroy_response(r);
    return result;
}

/* ---- replies in parts ---- */

static void work(struct http_in *h);

static void write_part(struct http_in *h)
{
    struct pending *p = TAILQ_FIRST(&h->pending);
    if (p && !p->reply.body.failed && p->reply.more(h->obj, &p->reply)) {
        p->reply.step++;
    } else if (p) {
        TAILQ_REMOVE(&h->pending, p, link);
        p->whole = true;
        MHD_resume_connection(p->c);
        work(h);
    }
    if (!TAILQ_EMPTY(&h->pending))
        loop_defer(h->loop, &h->defer);
}

static struct pending *pending_new(struct http_in *h, struct MHD_Connection *c,
                                   const struct http_in_reply *reply)
{
    struct pending *p = mem_alloc(sizeof(*p));
    *p = (struct pending){.h = h, .c = c, .reply = *reply};
    TAILQ_INSERT_TAIL(&h->pending, p, link);
    MHD_suspend_connection(c);
    loop_defer(h->loop, &h->defer);
    return p;
}

/* ---- requests ---- */

static int seen; /* its address is the state of a request whose head was seen */

/* The end of a request, however it came. */
static void on_over(void *obj, struct MHD_Connection *c, void **state,
                    enum MHD_RequestTerminationCode why)
{
    (void)obj, (void)c, (void)why;
    struct pending *p = *state == &seen ? NULL : *state;
    *state = NULL;
    if (!p)
        return;
    if (!p->whole)
        TAILQ_REMOVE(&p->h->pending, p, link);
    str_fini(&p->reply.body);
    free(p);
}

static enum MHD_Result finish(struct MHD_Connection *c, struct http_in_reply *reply)
{
    if (reply->body.failed) {
        str_clear(&reply->body);
        reply->status = 500;
    }
    return send_reply(c, reply);
}

static bool has_body(struct MHD_Connection *c)
{
    const char *n = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    return (n && strcmp(n, "0") != 0) ||
           MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding");
}

/* Called with the head, and again when the request is complete. An answer to the head alone ends
 * the connection: that is for requests with a body, which nobody here wants. */
static enum MHD_Result on_request(void *obj, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_n, void **state)
{
    struct http_in *h = obj;
    (void)version, (void)body, (void)body_n;
    struct http_in_request rq = {.method = method, .path = path, .handle = c};
    struct http_in_reply reply = {.status = 200};
    bool refused = !*state && has_body(c);
    if (*state && *state != &seen) /* the parts are all there */
        return finish(c, &((struct pending *)*state)->reply);
    if (!*state && !refused) {
        *state = &seen;
        return MHD_YES;
    }
    str_init(&reply.body, BODY_MAX);
    if (refused)
        reply.status = 413;
    else
        h->fn(h->obj, &rq, &reply);
    if (!reply.more)
        return finish(c, &reply);
    *state = pending_new(h, c, &reply);
    return MHD_YES;
}

static void on_log(void *obj, const char *fmt, va_list ap)
{
    struct str text = STR_INIT;
    (void)obj;
    str_vprintf(&text, fmt, ap);
    while (text.len && text.s[text.len - 1] == '\n')
        text.s[--text.len] = '\0';
    if (LOG_LIMIT(10))
        log_debug("http: %s", str_text(&text));
    str_fini(&text);
}

static void work(struct http_in *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    MHD_run(h->daemon);
    if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
        loop_timer_at(&h->timer, mono_add(loop_now(h->loop), DUR_MS((int64_t)ms)));
    else
        loop_timer_stop(&h->timer);
}

static struct MHD_Daemon *start(struct http_in *h, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
                            NULL, on_request, h, MHD_OPTION_NOTIFY_COMPLETED, on_over, NULL,
                            MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                            IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MAX, MHD_OPTION_END);
}

struct http_in *http_in_new(struct loop *l, int fd, http_in_fn *fn, void *obj, struct err *e)
{
    struct http_in *h = mem_zalloc(sizeof(*h));
    *h = (struct http_in){.loop = l, .fn = fn, .obj = obj};
    LOOP_IO(&h->io, l, work, h);
    LOOP_TIMER(&h->timer, l, work, h);
    LOOP_DEFER(&h->defer, write_part, h);
    TAILQ_INIT(&h->pending);
    h->daemon = start(h, fd);
    if (!h->daemon) {
        err_errno(e, errno, "cannot serve HTTP");
        fd_close(&fd);
        free(h);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info && loop_io_set(&h->io, info->epoll_fd, LOOP_READ) == 0)
        return h;
    err_errno(e, errno, "cannot watch the HTTP server");
    http_in_free(&h);
    return NULL;
}

void http_in_free(struct http_in **hp)
{
    struct http_in *h = *hp;
    *hp = NULL;
    if (!h)
        return;
    loop_timer_stop(&h->timer);
    loop_defer_cancel(h->loop, &h->defer);
    loop_io_set(&h->io, -1, 0);
    struct pending *p;
    TAILQ_FOREACH (p, &h->pending, link)
        MHD_resume_connection(p->c); /* it refuses to stop while one is suspended */
    MHD_stop_daemon(h->daemon);      /* closes the listening socket, too */
    free(h);
}
