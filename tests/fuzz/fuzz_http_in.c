/* Any bytes as what an HTTP client says to the server port, sent at once and then in two parts:
 * what the server makes of them is the same, each request that it took is answered, and it serves
 * the next client. */
#include "supervisor/io/http_in.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SIZE_MOST 16384u
#define BODY_MOST 1000u
#define QUIET 8 /* turns of the loop in which nothing happens: then nothing more will */
#define LIMIT DUR_S(20)

static struct world {
    struct loop *loop;
    struct http_in *server;
    struct sockaddr_un at;
    socklen_t at_n;
    struct loop_io io; /* the client's */
    struct loop_timer next, limit;
    int fd;
    const uint8_t *rest; /* of what it says */
    size_t nrest;
    int quiet, parts;
    unsigned heads, asked, answers, happened, before;
    struct str seen; /* what the server was asked */
} w;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* ---- the server's side ---- */

static bool starts(const struct http_in_call *c, const char *with)
{
    return strncmp(http_in_path(c), with, strlen(with)) == 0;
}

static void on_head(void *obj, struct http_in_call *c, size_t *body_max)
{
    (void)obj;
    w.heads++;
    unsigned method = http_in_method(c);
    must(method && !(method & (method - 1)));
    if (starts(c, "/no"))
        http_in_error(c, 401);
    else if (starts(c, "/body"))
        *body_max = BODY_MOST;
}

static void put(const char *text)
{
    str_puts(&w.seen, text ? text : "-");
    str_putc(&w.seen, '\n');
}

static void on_request(void *obj, struct http_in_call *c)
{
    struct str field = STR_INIT, body = STR_INIT;
    size_t n;
    (void)obj;
    w.asked++;
    const char *text = http_in_body(c, &n);
    must(n <= (starts(c, "/body") ? BODY_MOST : 0) && text[n] == '\0');
    put(http_in_path(c));
    put(http_in_header(c, "Host"));
    put(http_in_query(c, "q"));
    str_put(&w.seen, text, n);
    http_in_form(c, "action", &field);
    must(field.len <= n);
    put(str_text(&field));
    str_puts(&body, "ok\n");
    http_in_set(c, "X-Said", "yes");
    http_in_answer(c, 200, "text/plain", &body);
    str_fini(&field);
}

static void begin(void)
{
    static const struct http_in_ops ops = {on_head, on_request};
    struct err e;
    w.loop = loop_new(&e);
    must(w.loop);
    w.at.sun_family = AF_UNIX;
    int n = snprintf(w.at.sun_path + 1, sizeof(w.at.sun_path) - 1, "supd-fuzz-%d", (int)getpid());
    w.at_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&w.at, w.at_n) == 0 && listen(fd, 8) == 0);
    w.server = http_in_new(&(struct http_in_setup){.loop = w.loop, .fd = fd, .ops = &ops}, &e);
    must(w.server);
}

/* ---- the client's side ---- */

static void on_answer(struct world *x)
{
    char buf[65536];
    ssize_t n;
    x->happened++;
    while ((n = recv(x->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
        for (char *p = buf; (p = memmem(p, (size_t)(buf + n - p), "HTTP/1.", 7)); p++)
            x->answers++;
    if (n == 0)
        loop_stop(x->loop);
}

static void say(const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t sent = send(w.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return; /* the server has heard enough */
        p += sent;
        n -= (size_t)sent;
    }
}

/* Its end may be seen a minute late only: libmicrohttpd reads no further than what there was. */
static void on_next(struct world *x)
{
    unsigned now = x->heads + x->asked + x->happened;
    x->quiet = now == x->before ? x->quiet + 1 : 0;
    x->before = now;
    loop_timer_at(&x->next, loop_now(x->loop));
    if (x->quiet < QUIET)
        return;
    x->quiet = 0;
    if (x->parts == 0)
        say(x->rest, x->nrest);
    else if (x->parts == 1)
        shutdown(x->fd, SHUT_WR);
    else
        loop_stop(x->loop);
    x->parts++;
}

static void on_limit(struct world *x)
{
    (void)x;
    fprintf(stderr, "something happens all the time\n");
    abort();
}

static void play(const uint8_t *data, size_t size, size_t cut)
{
    str_clear(&w.seen);
    w.heads = w.asked = w.answers = w.happened = w.before = 0;
    w.quiet = w.parts = 0;
    w.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(w.fd >= 0 && connect(w.fd, (struct sockaddr *)&w.at, w.at_n) == 0);
    LOOP_IO(&w.io, w.loop, on_answer, &w);
    LOOP_TIMER(&w.next, w.loop, on_next, &w);
    LOOP_TIMER(&w.limit, w.loop, on_limit, &w);
    must(loop_io_set(&w.io, w.fd, LOOP_READ) == 0);
    say(data, cut);
    w.rest = data + cut;
    w.nrest = size - cut;
    loop_refresh(w.loop);
    loop_timer_at(&w.next, loop_now(w.loop));
    loop_timer_at(&w.limit, mono_add(loop_now(w.loop), LIMIT));
    loop_run(w.loop);
    loop_timer_stop(&w.next);
    loop_timer_stop(&w.limit);
    loop_io_set(&w.io, -1, 0);
    close(w.fd);
    must(w.asked <= w.heads && w.answers >= w.asked);
    must(!http_in_busy(w.server));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str whole = STR_INIT;
    if (size < 2 || size > SIZE_MOST)
        return 0;
    if (!w.server)
        begin();
    size_t n = size - 1, cut = data[0] * n / 256;
    play(data + 1, n, n);
    str_put(&whole, w.seen.s, w.seen.len);
    unsigned asked = w.asked;
    play(data + 1, n, cut);
    must(asked == w.asked && whole.len == w.seen.len);
    must(!whole.len || memcmp(whole.s, w.seen.s, whole.len) == 0);
    str_fini(&whole);
    return 0;
}
