/* The HTTP server port: the server, its connections, and requests until they are answered. */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/urlform.h"
#include "supervisor/io/http_in_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECTIONS 256u
#define CONNECTIONS_FULL 240u /* from here on those that are at it for longest give way */
#define IDLE_S 60u
#define HEAD_MAX ((size_t)32 * 1024)
#define BODIES_MAX ((size_t)32 << 20) /* that are being received, together */
#define SKIP_MAX                                                                                   \
    ((size_t)64 << 10) /* of a body that nobody wants: read, so that who sends it                  \
                          gets to read the answer */
#define LOOK_AGAIN DUR_S(5)

/* ---- connections ---- */

void conn_move(struct conn *c, struct conn_list *to)
{
    if (c->in)
        TAILQ_REMOVE(c->in, c, link);
    c->in = to;
    c->since = loop_now(c->h->loop);
    if (to)
        TAILQ_INSERT_TAIL(to, c, link);
}

/* libmicrohttpd sees the end of it and closes. */
void conn_end(struct conn *c)
{
    conn_move(c, NULL);
    c->ended = true;
    if (c->call) {
        c->h->in_bytes -= c->call->in_bytes;
        c->call->in_bytes = 0;
        answer_uncount(c->call);
    }
    shutdown(c->fd, SHUT_RDWR);
}

/* Who has been saying nothing for longest, or sending: a body may come byte by byte, and who sends
 * it need not have been let in. */
static void one_gives_way(struct http_in *h)
{
    struct conn *idle = TAILQ_FIRST(&h->idle), *sends = TAILQ_FIRST(&h->receiving);
    if (idle && (!sends || idle->since.ns <= sends->since.ns))
        conn_end(idle);
    else if (sends)
        conn_end(sends);
}

static void conn_new(struct http_in *h, struct MHD_Connection *mc, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *c = mem_alloc(sizeof(*c));
    *c = (struct conn){.h = h, .fd = info ? info->connect_fd : -1};
    *context = c;
    if (++h->nconns >= CONNECTIONS_FULL)
        one_gives_way(h);
    conn_move(c, &h->idle);
}

static void on_connection(void *obj, struct MHD_Connection *mc, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_in *h = obj;
    struct conn *c = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        conn_new(h, mc, context);
        return;
    }
    *context = NULL;
    h->nconns--;
    conn_move(c, NULL);
    free(c);
}

static struct conn *conn_of(struct MHD_Connection *mc)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

/* ---- a call that waits ---- */

/* The client is not there any more: what it waits for is not worth finishing. */
static void went_away(struct http_in_call *c)
{
    loop_fn *gone = c->gone;
    c->gone = NULL;
    if (gone)
        gone(c->gone_obj);
    conn_end(c->conn);
    call_resume(c);
}

static void look_again(struct http_in_call *c)
{
    struct pollfd p = {.fd = c->conn->fd, .events = POLLRDHUP};
    if (poll(&p, 1, 0) > 0)
        went_away(c);
    else
        loop_timer_at(&c->look_again, mono_add(loop_now(c->h->loop), LOOK_AGAIN));
}

/* Its end, or more than we want to know now: that stays there, so we cannot wait for its end. */
static void on_look(struct http_in_call *c)
{
    loop_io_set(&c->look, -1, 0);
    look_again(c);
}

void call_suspend(struct http_in_call *c)
{
    c->suspended = true;
    MHD_suspend_connection(c->c);
    conn_move(c->conn, &c->h->waiting);
    if (loop_io_set(&c->look, c->conn->fd, LOOP_READ | LOOP_SOCKET) < 0)
        look_again(c);
}

void call_resume(struct http_in_call *c)
{
    if (!c->suspended)
        return;
    c->suspended = false;
    loop_io_set(&c->look, -1, 0);
    loop_timer_stop(&c->look_again);
    MHD_resume_connection(c->c);
    loop_defer(c->h->loop, &c->h->work);
}

/* ---- requests ---- */

static unsigned method_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } methods[] = {{"GET", HTTP_IN_GET}, {"HEAD", HTTP_IN_HEAD}, {"POST", HTTP_IN_POST}};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].bit;
    return HTTP_IN_OTHER;
}

static struct http_in_call *call_new(struct http_in *h, struct MHD_Connection *mc,
                                     const char *method, const char *path)
{
    struct http_in_call *c = mem_zalloc(sizeof(*c));
    *c = (struct http_in_call){
        .h = h, .c = mc, .conn = conn_of(mc), .method = method_of(method), .path = path};
    LOOP_IO(&c->look, h->loop, on_look, c);
    LOOP_TIMER(&c->look_again, h->loop, look_again, c);
    c->conn->call = c;
    c->conn->asked = true;
    return c;
}

/* The end of a request, however it came. */
static void on_over(void *obj, struct MHD_Connection *mc, void **state,
                    enum MHD_RequestTerminationCode why)
{
    (void)mc, (void)why;
    struct http_in *h = obj;
    struct http_in_call *c = *state;
    *state = NULL;
    if (!c)
        return;
    if (c->gone)
        c->gone(c->gone_obj);
    c->conn->call = NULL;
    if (!c->conn->ended)
        conn_move(c->conn, &h->idle);
    loop_io_set(&c->look, -1, 0);
    loop_timer_stop(&c->look_again);
    h->in_bytes -= c->in_bytes;
    answer_uncount(c);
    answer_fini(c);
    str_fini(&c->body);
    free(c);
}

static const char *header(const struct http_in_call *c, const char *name)
{
    return MHD_lookup_connection_value(c->c, MHD_HEADER_KIND, name);
}

static uint64_t length_of(const char *text)
{
    uint64_t n = 0;
    for (; text && *text >= '0' && *text <= '9' && n < UINT64_MAX / 16; text++)
        n = n * 10 + (uint64_t)(*text - '0');
    return n;
}

static enum MHD_Result count_length(void *obj, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind, (void)value;
    *(unsigned *)obj += strcasecmp(name, "Content-Length") == 0;
    return MHD_YES;
}

/* Two words about where it ends: a proxy may have believed the other one. */
static bool is_ambiguous(const struct http_in_call *c)
{
    unsigned n = header(c, "Transfer-Encoding") ? 1 : 0;
    MHD_get_connection_values(c->c, MHD_HEADER_KIND, count_length, &n);
    return n > 1;
}

/* What is wrong with how a body is announced: a status, or 0. */
static int judge_body(const struct http_in_call *c)
{
    const char *length = header(c, "Content-Length");
    if (is_ambiguous(c))
        return 400;
    if (c->method == HTTP_IN_POST && !length)
        return 411;
    bool has = length_of(length) > 0 || header(c, "Transfer-Encoding");
    return has && (!c->body_max || length_of(length) > c->body_max) ? 413 : 0;
}

static bool is_soon_over(const struct http_in_call *c)
{
    const char *length = header(c, "Content-Length");
    return !header(c, "Transfer-Encoding") && length_of(length) <= SKIP_MAX && !is_ambiguous(c);
}

static enum MHD_Result take_head(struct http_in_call *c)
{
    c->inside = true;
    c->h->ops->head(c->h->obj, c, &c->body_max);
    int wrong = c->answered ? 0 : judge_body(c);
    if (wrong)
        http_in_error(c, wrong);
    c->inside = false;
    if (c->answered && !is_soon_over(c))
        return answer_queue(c); /* which ends the connection */
    str_init(&c->body, c->body_max);
    conn_move(c->conn, &c->h->receiving);
    return MHD_YES;
}

/* Who has been sending for longest gives way. */
static bool make_room(const struct http_in_call *c, size_t n)
{
    struct conn *first;
    while (c->h->in_bytes + n > BODIES_MAX && (first = TAILQ_FIRST(&c->h->receiving)) != c->conn)
        conn_end(first);
    return c->h->in_bytes + n <= BODIES_MAX;
}

static void take_body(struct http_in_call *c, const char *p, size_t n)
{
    if (c->answered || c->body.failed || c->conn->ended)
        return;
    if (!make_room(c, n)) {
        c->inside = true;
        http_in_error(c, 503);
        c->inside = false;
        return;
    }
    str_put(&c->body, p, n);
    c->h->in_bytes += c->body.len - c->in_bytes;
    c->in_bytes = c->body.len;
}

static enum MHD_Result take_request(struct http_in_call *c)
{
    conn_move(c->conn, NULL);
    c->asked = true;
    c->inside = true;
    if (c->body.failed)
        http_in_error(c, 413);
    if (!c->answered)
        c->h->ops->request(c->h->obj, c);
    c->inside = false;
    if (c->answered)
        return answer_queue(c);
    call_suspend(c);
    return MHD_YES;
}

/* Called with the head, with each piece of the body, when that is complete, and once it was
 * resumed. */
static enum MHD_Result on_request(void *obj, struct MHD_Connection *mc, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_n, void **state)
{
    struct http_in *h = obj;
    struct http_in_call *c = *state;
    (void)version;
    if (!c) {
        *state = c = call_new(h, mc, method, path);
        return take_head(c);
    }
    if (*body_n) {
        take_body(c, body, *body_n);
        *body_n = 0;
        return MHD_YES;
    }
    if (c->conn->ended)
        return MHD_NO;
    if (!c->asked)
        return take_request(c);
    return c->response ? answer_queue(c) : MHD_NO;
}

/* ---- the server ---- */

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

static size_t unescape(void *obj, struct MHD_Connection *mc, char *text)
{
    (void)obj, (void)mc;
    return url_decode(text);
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
                            NULL, on_request, h, MHD_OPTION_NOTIFY_COMPLETED, on_over, h,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
                            MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
                            unescape, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                            IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MAX, MHD_OPTION_END);
}

struct http_in *http_in_new(const struct http_in_setup *setup, struct err *e)
{
    struct http_in *h = mem_zalloc(sizeof(*h));
    *h = (struct http_in){
        .loop = setup->loop, .ops = setup->ops, .obj = setup->obj, .server = setup->server};
    http_in_sending_init(&h->own_out);
    h->out = setup->sending ? setup->sending : &h->own_out;
    LOOP_IO(&h->io, h->loop, work, h);
    LOOP_TIMER(&h->timer, h->loop, work, h);
    LOOP_DEFER(&h->work, work, h);
    LOOP_DEFER(&h->part, answer_part, h);
    TAILQ_INIT(&h->idle);
    TAILQ_INIT(&h->receiving);
    TAILQ_INIT(&h->waiting);
    TAILQ_INIT(&h->sending);
    TAILQ_INIT(&h->parts);
    h->daemon = start(h, setup->fd);
    if (!h->daemon) {
        err_errno(e, errno, "cannot serve HTTP");
        fd_close(&(int){setup->fd});
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

void http_in_quiesce(struct http_in *h)
{
    MHD_socket fd = MHD_quiesce_daemon(h->daemon);
    if (fd != MHD_INVALID_SOCKET)
        fd_close(&fd);
    work(h);
}

bool http_in_busy(const struct http_in *h)
{
    const struct conn *c;
    TAILQ_FOREACH (c, &h->idle, link)
        if (!c->asked || c->call)
            return true;
    TAILQ_FOREACH (c, &h->sending, link)
        if (c->call && !c->call->read)
            return true;
    return !TAILQ_EMPTY(&h->receiving);
}

void http_in_free(struct http_in **hp)
{
    struct http_in *h = *hp;
    *hp = NULL;
    if (!h)
        return;
    struct conn *c;
    while ((c = TAILQ_FIRST(&h->waiting))) /* it refuses to stop while one is suspended */
        went_away(c->call);
    loop_timer_stop(&h->timer);
    loop_defer_cancel(h->loop, &h->work);
    loop_defer_cancel(h->loop, &h->part);
    loop_io_set(&h->io, -1, 0);
    MHD_stop_daemon(h->daemon); /* closes the listening socket, too */
    free(h);
}
