/* The HTTP server port: libmicrohttpd's epoll descriptor and its next deadline in our loop. */
#include "supervisor/io/http_in.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 64u
#define IDLE_S 10u
#define HEAD_MAX ((size_t)32 * 1024)
#define BODY_MAX ((size_t)64 << 20)

struct http_in {
    struct loop *loop;
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
    static int seen;
    struct http_in *h = obj;
    (void)version, (void)body, (void)body_n;
    struct http_in_request rq = {.method = method, .path = path, .handle = c};
    struct http_in_reply reply = {.status = 200};
    bool refused = !*state && has_body(c);
    if (!*state && !refused) {
        *state = &seen;
        return MHD_YES;
    }
    str_init(&reply.body, BODY_MAX);
    if (refused)
        reply.status = 413;
    else
        h->fn(h->obj, &rq, &reply);
    if (reply.body.failed) {
        str_clear(&reply.body);
        reply.status = 500;
    }
    return send_reply(c, &reply);
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
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h,
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
    loop_io_set(&h->io, -1, 0);
    MHD_stop_daemon(h->daemon); /* closes the listening socket, too */
    free(h);
}
