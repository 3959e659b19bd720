/* The HTTP server port: answers, refuses, survives clients that say little or nonsense. */
#include "supervisor/io/http_in.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARTS 500

struct world {
    struct loop *loop;
    struct http_in *server;
    struct sockaddr_in at;
    struct loop_io io;
    struct loop_timer timer;
    int fd;
    char got[8192];
    size_t parts;
    uint64_t turns[2 * PARTS];
    size_t n;
    bool ended;
};

static bool more(void *obj, struct http_in_reply *reply)
{
    struct world *w = obj;
    w->turns[w->parts++ % COUNT(w->turns)] = loop_turns(w->loop);
    str_printf(&reply->body, "%zu.", reply->step);
    return reply->step + 1 < PARTS;
}

static void serve(void *obj, const struct http_in_request *rq, struct http_in_reply *reply)
{
    (void)obj;
    const char *accept = http_in_header(rq, "Accept");
    if (strcmp(rq->path, "/parts") == 0) {
        reply->type = "text/plain";
        reply->more = more;
        return;
    }
    if (strcmp(rq->path, "/x") != 0) {
        reply->status = 404;
        return;
    }
    reply->type = "text/plain";
    str_printf(&reply->body, "%s %s", rq->method, accept ? accept : "-");
}

static void on_read(struct world *w)
{
    ssize_t n = recv(w->fd, w->got + w->n, sizeof(w->got) - 1 - w->n, MSG_DONTWAIT);
    if (n > 0)
        w->n += (size_t)n;
    w->got[w->n] = '\0';
    if (n == 0) {
        w->ended = true;
        loop_stop(w->loop);
    }
}

static void on_time(struct world *w)
{
    loop_stop(w->loop);
}

static void setup(struct world *w)
{
    struct err e;
    socklen_t len = sizeof(w->at);
    *w = (struct world){.at = {.sin_family = AF_INET}};
    w->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&w->at, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&w->at, &len), 0);
    w->loop = loop_new(&e);
    w->server = http_in_new(w->loop, fd, serve, w, &e);
    assert_non_null(w->server);
    LOOP_IO(&w->io, w->loop, on_read, w);
    LOOP_TIMER(&w->timer, w->loop, on_time, w);
}

/* sends the text and reads to the end, or for the given time */
static const char *ask(struct world *w, const char *text, int64_t ms)
{
    w->n = 0;
    w->ended = false;
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&w->at, sizeof(w->at)), 0);
    assert_int_equal(send(w->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    loop_io_set(&w->io, w->fd, LOOP_READ);
    loop_timer_at(&w->timer, mono_add(mono_now(), DUR_MS(ms)));
    loop_run(w->loop);
    loop_io_close(&w->io, &w->fd);
    return w->got;
}

#define CLOSE "Connection: close\r\n\r\n"

static void test_answers(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    const char *got = ask(&w, "GET /x?q=1 HTTP/1.1\r\nHost: h\r\nAccept: t\r\n" CLOSE, 20000);
    assert_true(w.ended);
    assert_non_null(strstr(got, "HTTP/1.1 200"));
    assert_non_null(strstr(got, "Content-Type: text/plain"));
    assert_non_null(strstr(got, "\r\n\r\nGET t"));
    assert_non_null(strstr(ask(&w, "GET /y HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000), " 404 "));
    got = ask(&w, "HEAD /x HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000);
    assert_non_null(strstr(got, " 200 "));
    assert_null(strstr(got, "HEAD"));
    got = ask(&w, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" CLOSE "abc", 20000);
    assert_non_null(strstr(got, " 413 "));
    http_in_free(&w.server);
    loop_free(&w.loop);
}

static void test_bad_clients(void **state)
{
    (void)state;
    struct world w;
    static char big[60000];
    setup(&w);
    memset(big, 'a', sizeof(big) - 1);
    memcpy(big, "GET /", 5);
    ask(&w, "\x16\x03\x01 nonsense\r\n\r\n", 20000);
    assert_true(w.ended);
    ask(&w, big, 20000);
    assert_true(w.ended);
    assert_null(strstr(w.got, " 200 "));
    ask(&w, "GET /x HT", 100); /* says no more, and goes away */
    assert_false(w.ended);
    assert_non_null(strstr(ask(&w, "GET /x HTTP/1.0\r\n\r\n", 20000), " 200 "));
    http_in_free(&w.server);
    loop_free(&w.loop);
}

static void count(void *obj)
{
    ++*(int *)obj;
}

static void test_parts(void **state)
{
    (void)state;
    struct world w;
    struct loop_timer timer;
    int other = 0;
    setup(&w);
    loop_timer_init(&timer, w.loop, count, &other);
    loop_timer_at(&timer, loop_now(w.loop)); /* something else is due, too */
    const char *got = ask(&w, "GET /parts HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000);
    assert_true(w.ended);
    assert_non_null(strstr(got, "\r\n\r\n0.1.2."));
    assert_non_null(strstr(got, ".498.499."));
    assert_int_equal(w.parts, PARTS);
    assert_int_equal(other, 1);
    for (size_t i = 1; i < PARTS; i++)
        assert_true(w.turns[i] > w.turns[i - 1]); /* each in a turn of its own */
    /* one that asks and goes away, and one whose answer is under way at the end */
    ask(&w, "GET /parts HTTP/1.1\r\nHost: h\r\n" CLOSE, 0);
    assert_non_null(strstr(ask(&w, "GET /x HTTP/1.0\r\n\r\n", 20000), " 200 "));
    ask(&w, "GET /parts HTTP/1.1\r\nHost: h\r\n" CLOSE, 0);
    http_in_free(&w.server);
    loop_free(&w.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_bad_clients),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
