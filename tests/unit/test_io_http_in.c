/* The HTTP server port: answers, refuses, survives clients that say little or nonsense. */
#include "supervisor/io/http_in.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
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
    struct http_in_call *call; /* that waits, or streams */
    struct loop_timer late, wake;
    int64_t delay;
    unsigned pieces, gone, heads;
    bool ready;
};

static bool more(void *obj, struct str *body, size_t step)
{
    struct world *w = obj;
    w->turns[w->parts++ % COUNT(w->turns)] = loop_turns(w->loop);
    str_printf(body, "%zu.", step);
    return step + 1 < PARTS;
}

static void on_gone(void *obj)
{
    struct world *w = obj;
    w->gone++;
    w->call = NULL;
}

/* three pieces, each after a wake, then the end */
static ssize_t read_more(void *obj, char *buf, size_t n)
{
    struct world *w = obj;
    assert_true(n > 8);
    if (w->pieces == 3)
        return -1;
    if (!w->ready) {
        loop_timer_at(&w->wake, mono_add(mono_now(), DUR_MS(5)));
        return 0;
    }
    w->ready = false;
    return snprintf(buf, n, "<%u>", w->pieces++);
}

static void on_wake(struct world *w)
{
    w->ready = true;
    if (w->call)
        http_in_wake(w->call);
}

static void later(struct world *w)
{
    struct str body = STR_INIT;
    str_puts(&body, "late");
    if (w->call) {
        http_in_set(w->call, "X-Late", "yes");
        http_in_answer(w->call, 200, "text/plain", &body);
        w->call = NULL;
    }
    str_fini(&body);
}

static void answer_x(struct http_in_call *c)
{
    struct str body = STR_INIT;
    size_t n;
    const char *accept = http_in_header(c, "Accept"), *q = http_in_query(c, "q");
    const char *text = http_in_body(c, &n);
    static const char *const names[] = {[HTTP_IN_GET] = "GET",
                                        [HTTP_IN_HEAD] = "HEAD",
                                        [HTTP_IN_POST] = "POST",
                                        [HTTP_IN_OTHER] = "other"};
    str_printf(&body, "%s %s %s %zu %s", names[http_in_method(c)], accept ? accept : "-",
               q ? q : "-", n, text);
    http_in_answer(c, 200, "text/plain", &body);
}

#define BIG ((size_t)30 << 20)

static void answer_big(struct http_in_call *c)
{
    struct str body = STR_INIT;
    assert_true(str_reserve(&body, BIG));
    memset(body.s, 'a', BIG);
    body.s[BIG] = '\0';
    body.len = BIG;
    http_in_answer(c, 200, "text/plain", &body);
}

static void head(void *obj, struct http_in_call *c, size_t *body_max)
{
    struct world *w = obj;
    w->heads++;
    if (strcmp(http_in_path(c), "/no") == 0)
        http_in_error(c, 401);
    else if (strcmp(http_in_path(c), "/x") == 0)
        *body_max = 100000;
    else if (strcmp(http_in_path(c), "/big") == 0)
        *body_max = (size_t)20 << 20;
}

static void serve(void *obj, struct http_in_call *c)
{
    struct world *w = obj;
    const char *path = http_in_path(c);
    if (strcmp(path, "/parts") == 0) {
        http_in_parts(c, 200, "text/plain", more, w);
    } else if (strcmp(path, "/late") == 0) {
        w->call = c;
        http_in_on_gone(c, on_gone, w);
        loop_timer_at(&w->late, mono_add(mono_now(), DUR_MS(w->delay)));
    } else if (strcmp(path, "/stream") == 0) {
        w->call = c;
        http_in_on_gone(c, on_gone, w);
        http_in_stream(c, 200, "text/plain", read_more, w);
    } else if (strcmp(path, "/x") == 0) {
        answer_x(c);
    } else if (strcmp(path, "/big") == 0) {
        answer_big(c);
    } else {
        http_in_error(c, 404);
    }
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
    static const struct http_in_ops ops = {head, serve};
    struct http_in_setup how = {w->loop, fd, &ops, w, "us", NULL};
    w->server = http_in_new(&how, &e);
    assert_non_null(w->server);
    LOOP_IO(&w->io, w->loop, on_read, w);
    LOOP_TIMER(&w->timer, w->loop, on_time, w);
    LOOP_TIMER(&w->late, w->loop, later, w);
    LOOP_TIMER(&w->wake, w->loop, on_wake, w);
    w->delay = 10;
}

static void teardown(struct world *w)
{
    http_in_free(&w->server);
    loop_timer_stop(&w->late);
    loop_timer_stop(&w->wake);
    loop_free(&w->loop);
}

static void run_for(struct world *w, int64_t ms)
{
    loop_timer_at(&w->timer, mono_add(mono_now(), DUR_MS(ms)));
    loop_run(w->loop);
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

static int client(const struct world *w, const char *text)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&w->at, sizeof(w->at)), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

#define CLOSE "Connection: close\r\n\r\n"

static void test_answers(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    const char *got = ask(&w, "GET /x?q=1%20+2 HTTP/1.1\r\nHost: h\r\nAccept: t\r\n" CLOSE, 20000);
    assert_true(w.ended);
    assert_non_null(strstr(got, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(got, "Content-Type: text/plain"));
    assert_non_null(strstr(got, "Server: us"));
    assert_non_null(strstr(got, "\r\n\r\nGET t 1  2 0 "));
    assert_non_null(strstr(ask(&w, "GET /y HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000), " 404 "));
    got = ask(&w, "HEAD /x HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000);
    assert_non_null(strstr(got, " 200 "));
    assert_null(strstr(got, "HEAD"));
    /* blank lines before a request, and two on one connection */
    got =
        ask(&w, "\r\n\r\nGET /x HTTP/1.1\r\nHost:\r\n\r\n\r\nGET /%78 HTTP/1.1\r\nHost:\r\n" CLOSE,
            20000);
    assert_true(w.ended);
    assert_non_null(strstr(got, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(strstr(got, "GET - -") + 1, "GET - -"));
    teardown(&w);
}

static void test_bodies(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    const char *got =
        ask(&w, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" CLOSE "abc", 20000);
    assert_non_null(strstr(got, "POST - - 3 abc"));
    got = ask(&w, "POST /y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" CLOSE "abc", 20000);
    assert_non_null(strstr(got, " 413 "));
    got = ask(&w, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n" CLOSE, 20000);
    assert_non_null(strstr(got, " 413 "));
    assert_true(w.ended);
    got = ask(&w, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n" CLOSE,
              20000);
    assert_null(strstr(got, " 200 "));
    got = ask(&w, "POST /x HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000);
    assert_non_null(strstr(got, " 411 "));
    /* in pieces, where none is wanted */
    got = ask(&w,
              "GET /y HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" CLOSE
              "3\r\nabc\r\n0\r\n\r\n",
              20000);
    assert_non_null(strstr(got, " 413 "));
    /* a length told twice, and what is behind it is no request */
    static const char *const twice[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 3\r\n\r\n"};
    for (size_t i = 0; i < COUNT(twice); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "POST /x HTTP/1.1\r\nHost: h\r\n%sGET /x HTTP/1.1\r\nHost: h\r\n%s", twice[i],
                 CLOSE);
        got = ask(&w, text, 20000);
        assert_true(w.ended);
        assert_non_null(strstr(got, " 400 "));
        assert_null(strstr(got, " 200 "));
    }
    /* refused by its head, and what it sent is read all the same: the connection goes on */
    got = ask(&w,
              "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /x "
              "HTTP/1.1\r\nHost: h\r\n" CLOSE,
              20000);
    assert_non_null(strstr(got, " 401 "));
    assert_non_null(strstr(got, "GET - - 0"));
    teardown(&w);
}

static void test_later(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    const char *got = ask(&w, "GET /late HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000);
    assert_true(w.ended);
    assert_non_null(strstr(got, "X-Late: yes"));
    assert_non_null(strstr(got, "\r\n\r\nlate"));
    assert_int_equal(w.gone, 0);
    /* one that goes away is seen at once, also behind more than it should have said */
    w.delay = 60000;
    ask(&w, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n", 100);
    assert_false(w.ended);
    for (int i = 0; i < 1000 && !w.gone; i++)
        run_for(&w, 10);
    assert_int_equal(w.gone, 1);
    ask(&w, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n\r\n", 100);
    for (int i = 0; i < 1000 && w.gone < 2; i++)
        run_for(&w, 10);
    assert_int_equal(w.gone, 2);
    /* one that still waits at the end */
    ask(&w, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n", 0);
    teardown(&w);
}

static void test_stream(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    const char *got = ask(&w, "GET /stream HTTP/1.1\r\nHost: h\r\n" CLOSE, 20000);
    assert_true(w.ended);
    assert_non_null(strstr(got, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(got, "\r\n3\r\n<0>\r\n3\r\n<1>\r\n3\r\n<2>\r\n0\r\n\r\n"));
    assert_int_equal(w.gone, 1);
    w.pieces = 0;
    got = ask(&w, "GET /stream HTTP/1.0\r\n\r\n", 20000);
    assert_non_null(strstr(got, "\r\n\r\n<0><1><2>"));
    w.pieces = 0;
    ask(&w, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n", 0); /* goes away */
    for (int i = 0; i < 1000 && w.gone < 3; i++)
        run_for(&w, 10);
    assert_int_equal(w.gone, 3);
    teardown(&w);
}

/* Who connected and says nothing gives way to who comes later. */
static void test_many(void **state)
{
    (void)state;
    struct world w;
    int fds[400];
    setup(&w);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&w.at, sizeof(w.at)), 0);
        if (i % 8 == 0)
            run_for(&w, 0);
    }
    assert_non_null(strstr(ask(&w, "GET /x HTTP/1.0\r\n\r\n", 20000), " 200 "));
    char c;
    assert_int_equal(recv(fds[0], &c, 1, MSG_DONTWAIT), 0); /* closed */
    assert_int_equal(recv(fds[399], &c, 1, MSG_DONTWAIT), -1);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    teardown(&w);
}

/* So does who is at it for ever, with a body that does not come, let in or not. */
static void test_many_bodies(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\na",
        "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\na"};
    for (size_t t = 0; t < COUNT(texts); t++) {
        struct world w;
        int fds[260]; /* more than are let in, and few enough for the queue */
        setup(&w);
        for (size_t i = 0; i < COUNT(fds); i++) {
            fds[i] = client(&w, texts[t]);
            run_for(&w, 1);
        }
        assert_non_null(strstr(ask(&w, "GET /x HTTP/1.0\r\n\r\n", 5000), " 200 "));
        for (size_t i = 0; i < COUNT(fds); i++)
            close(fds[i]);
        teardown(&w);
    }
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
    teardown(&w);
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
    teardown(&w);
}

/* Sends so much, a piece a turn, as long as it is taken: what was. */
static size_t pour(struct world *w, int fd, size_t want)
{
    static char piece[1 << 20];
    size_t sent = 0;
    for (int i = 0; i < 5000 && sent < want; i++) {
        size_t n = want - sent < sizeof(piece) ? want - sent : sizeof(piece);
        ssize_t r = send(fd, piece, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += r > 0 ? (size_t)r : 0;
        run_for(w, 0);
    }
    return sent;
}

static size_t drink(struct world *w, int fd, size_t want)
{
    static char piece[1 << 20];
    size_t got = 0;
    ssize_t r;
    while (got < want && (r = recv(fd, piece, sizeof(piece), MSG_DONTWAIT)) != 0) {
        got += r > 0 ? (size_t)r : 0;
        run_for(w, 0);
        if (r < 0 && errno != EAGAIN)
            break;
    }
    return got;
}

static bool is_open(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Bodies are bounded together: who has been sending for longest gives way. */
static void test_bodies_together(void **state)
{
    (void)state;
    struct world w;
    const size_t ten = (size_t)10 << 20;
    int fds[4];
    setup(&w);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = client(&w, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n");
        assert_int_equal(pour(&w, fds[i], ten), ten);
        run_for(&w, 50);
    }
    assert_false(is_open(fds[0]));
    for (size_t i = 1; i < COUNT(fds); i++)
        assert_true(is_open(fds[i]));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    run_for(&w, 10);
    assert_non_null(strstr(ask(&w, "GET /x HTTP/1.0\r\n\r\n", 20000), " 200 "));
    teardown(&w);
}

/* So are answers: who has been reading for longest gives way. */
static void test_answers_together(void **state)
{
    (void)state;
    struct world w;
    int fds[4], broken = 0;
    setup(&w);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = client(&w, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
        run_for(&w, 50);
    }
    for (size_t i = 0; i < COUNT(fds); i++) {
        broken += drink(&w, fds[i], BIG) < BIG;
        close(fds[i]);
    }
    assert_int_equal(broken, 2); /* 64 MiB hold two of them */
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_many_bodies),
        cmocka_unit_test(test_bad_clients),
        cmocka_unit_test(test_bodies_together),
        cmocka_unit_test(test_answers_together),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
