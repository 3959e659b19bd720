/* The HTTP client against servers on loopback that are right, slow, wrong or gone. */
#include "supervisor/io/http_call.h"
#include "tests/unit/peers.h"

#include <signal.h>
#include <sys/time.h>

static const char *answer; /* what the server says, and then closes or not */
static bool stays;
static char asked[4096]; /* the last request */

/* the same answer to each request that comes over a connection */
static bool say(struct peer *p, int fd, const char *req)
{
    do {
        snprintf(asked, sizeof(asked), "%s", p->last);
        peer_say(fd, answer);
        if (!stays)
            return false;
        peer_read(p, fd);
    } while (p->last[0]);
    (void)req;
    return false;
}

struct world {
    struct peer peer;
    struct hcall *h;
};

static int setup(void **state)
{
    static struct world w;
    peer_start(&w.peer, true, say);
    w.h = hcall_new(&(struct hcall_server){.host = "127.0.0.1", .port = w.peer.port}, NULL);
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    stays = true;
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    hcall_free(&w->h);
    peer_stop(&w->peer);
    return 0;
}

static struct hcall_request get(const char *path)
{
    return (struct hcall_request){
        .method = "GET", .path = path, .accept = "*/*", .answer_ms = 20000, .stall_ms = 20000};
}

/* the text of an answer, NULL when it failed; valid until the next call */
static const char *ask(struct world *w, const struct hcall_request *rq)
{
    static struct str text;
    str_clear(&text);
    if (hcall_begin(w->h, rq) < 0 || hcall_rest(w->h, 1 << 20, &text) < 0)
        return NULL;
    return str_text(&text);
}

static void a_request_says_what_it_has_to(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/logtail/a:b c%\xc3\xa4?x");
    rq.user = "me";
    rq.password = "secret";
    assert_string_equal(ask(w, &rq), "ok");
    assert_int_equal(hcall_status(w->h), 200);
    assert_string_equal(hcall_reason(w->h), "OK");
    assert_non_null(strstr(asked, "GET /logtail/a:b%20c%25%C3%A4%3Fx HTTP/1.1\r\n"));
    assert_non_null(strstr(asked, "\r\nHost: 127.0.0.1:"));
    assert_non_null(strstr(asked, "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
    assert_null(strstr(asked, "Content-"));
}

static void a_body_is_sent_with_its_length(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/RPC2");
    rq.method = "POST";
    rq.body = "<x/>";
    rq.n = 4;
    rq.type = "text/xml";
    assert_string_equal(ask(w, &rq), "ok");
    assert_non_null(strstr(asked, "POST /RPC2 HTTP/1.1\r\n"));
    assert_non_null(strstr(asked, "Content-Type: text/xml\r\nContent-Length: 4\r\n"));
    assert_null(strstr(asked, "Authorization"));
}

static void one_connection_serves_many(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/");
    for (int i = 0; i < 5; i++)
        assert_string_equal(ask(w, &rq), "ok");
    assert_int_equal(w->peer.accepted, 1);
}

/* A request that crosses the server's end has no answer, and may have been carried out: no client
 * sends it again. So the next one waits. */
static void until_its_end_has_come(struct world *w)
{
    for (int t = 0; t < 2000 && hcall_fd(w->h) >= 0; t++) {
        char c;
        if (recv(hcall_fd(w->h), &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            break;
        poll(NULL, 0, 5);
    }
}

static void a_connection_that_is_closed_is_made_anew(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/");
    stays = false;
    for (unsigned i = 1; i <= 3; i++) {
        assert_string_equal(ask(w, &rq), "ok");
        until_its_end_has_come(w);
        assert_int_equal(w->peer.accepted, i);
    }
}

static void bodies(void **state)
{
    static const struct {
        const char *says, *text;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4;x\r\n "
         "two\r\n0\r\n\r\n",
         "one two"},
        {"HTTP/1.1 200 OK\r\ntransfer-encoding:  Chunked \r\ncontent-length: 1\r\n\r\n"
         "A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
         "0123456789"},
        {"HTTP/1.0 200 OK\r\n\r\nuntil it ends", "until it ends"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x"},
        {"HTTP/1.1 204 No Content\r\n\r\n", ""},
        {"HTTP/1.1 404 Not Found\nContent-Length: 4\n\ngone", "gone"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", ""},
    };
    struct world *w = *state;
    struct hcall_request rq = get("/");
    stays = false;
    for (size_t i = 0; i < COUNT(rows); i++) {
        answer = rows[i].says;
        const char *text = ask(w, &rq);
        assert_non_null(text);
        assert_string_equal(text, rows[i].text);
        until_its_end_has_come(w);
    }
}

static void answers_that_are_none(void **state)
{
    static const struct {
        const char *says;
        enum hcall_why why;
    } rows[] = {
        {"", HCALL_CLOSED},
        {"HTTP/1.1 200 OK\r\n", HCALL_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", HCALL_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", HCALL_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", HCALL_BAD},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", HCALL_BAD},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\n", HCALL_BAD},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", HCALL_BAD},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", HCALL_CLOSED},
        {"220 mail.example ESMTP\r\n", HCALL_BAD},
        {"HTTP/1.1 99 Odd\r\n\r\n", HCALL_BAD},
        {"HTTP/2 200\r\n\r\n", HCALL_BAD},
    };
    struct world *w = *state;
    struct hcall_request rq = get("/");
    stays = false;
    for (size_t i = 0; i < COUNT(rows); i++) {
        answer = rows[i].says;
        assert_null(ask(w, &rq));
        assert_int_equal(hcall_error(w->h)->why, rows[i].why);
        assert_int_equal(hcall_error(w->h)->begun, rows[i].says[0] != '\0');
        assert_int_equal(hcall_fd(w->h), -1);
    }
}

/* What it is instead is told. */
static void the_line_of_an_answer_that_is_none(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/");
    stays = false;
    answer = "220 mail.example ESMTP\r\n";
    assert_null(ask(w, &rq));
    assert_string_equal(hcall_error(w->h)->text, "220 mail.example ESMTP");
}

static void what_is_too_long_is_refused(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/");
    struct str text = STR_INIT, big = STR_INIT;
    stays = false;
    answer = "HTTP/1.1 200 OK\r\n\r\n123456789";
    assert_int_equal(hcall_begin(w->h, &rq), 0);
    assert_int_equal(hcall_rest(w->h, 8, &text), -1);
    assert_int_equal(hcall_error(w->h)->why, HCALL_BAD);
    str_fini(&text);
    str_puts(&big, "HTTP/1.1 200 OK\r\nX: ");
    for (size_t i = 0; i < HCALL_HEAD_MAX; i++)
        str_putc(&big, 'x');
    answer = str_text(&big);
    assert_null(ask(w, &rq));
    assert_int_equal(hcall_error(w->h)->why, HCALL_BAD);
    str_clear(&big);
    str_puts(&big, "HTTP/1.1 200 OK\r\n");
    for (size_t i = 0; i < 200; i++)
        str_puts(&big, "X: y\r\n");
    answer = str_text(&big);
    assert_null(ask(w, &rq));
    assert_int_equal(hcall_error(w->h)->why, HCALL_BAD);
    str_fini(&big);
}

static void silence_has_a_limit(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/");
    answer = "";
    rq.answer_ms = 50;
    assert_null(ask(w, &rq));
    assert_int_equal(hcall_error(w->h)->why, HCALL_SYSTEM);
    assert_int_equal(hcall_error(w->h)->errnum, ETIMEDOUT);
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc";
    rq.answer_ms = 20000;
    rq.stall_ms = 50;
    assert_null(ask(w, &rq));
    assert_int_equal(hcall_error(w->h)->errnum, ETIMEDOUT);
}

static void pieces_come_as_they_are_there(void **state)
{
    struct world *w = *state;
    struct hcall_request rq = get("/");
    const char *p;
    size_t n;
    answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    assert_int_equal(hcall_begin(w->h, &rq), 0);
    assert_int_equal(hcall_next(w->h, true, &p, &n), HCALL_PIECE);
    assert_true(n == 3 && memcmp(p, "one", 3) == 0);
    assert_int_equal(hcall_next(w->h, false, &p, &n), HCALL_LATER);
    assert_int_equal(hcall_next(w->h, false, &p, &n), HCALL_LATER);
    /* what is left of it does not come into the next answer */
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_string_equal(ask(w, &rq), "ok");
    assert_int_equal(w->peer.accepted, 2);
}

static void nobody_listens(void **state)
{
    (void)state;
    unsigned port;
    int fd = peer_bind(SOCK_STREAM, &port);
    struct hcall_request rq = get("/");
    struct hcall *h = hcall_new(&(struct hcall_server){.host = "127.0.0.1", .port = port}, NULL);
    assert_int_equal(hcall_begin(h, &rq), -1);
    assert_int_equal(hcall_error(h)->errnum, ECONNREFUSED);
    hcall_free(&h);
    close(fd);
    h = hcall_new(&(struct hcall_server){.unix_path = "/no/such/socket"}, NULL);
    assert_int_equal(hcall_begin(h, &rq), -1);
    assert_int_equal(hcall_error(h)->errnum, ENOENT);
    assert_string_equal(hcall_error(h)->text, "No such file or directory");
    hcall_free(&h);
    char longer[200];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    h = hcall_new(&(struct hcall_server){.unix_path = longer}, NULL);
    assert_int_equal(hcall_begin(h, &rq), -1);
    assert_int_equal(hcall_error(h)->why, HCALL_SYSTEM);
    hcall_free(&h);
    hcall_free(&h);
}

static volatile sig_atomic_t stop;

static void on_alarm(int sig)
{
    (void)sig;
    stop = 1;
}

static void a_signal_stops_it(void **state)
{
    struct world *w = *state;
    struct sigaction act = {.sa_handler = on_alarm};
    struct hcall_request rq = get("/");
    struct itimerval soon = {.it_value = {0, 20000}};
    answer = "";
    hcall_free(&w->h);
    w->h = hcall_new(&(struct hcall_server){.host = "localhost", .port = w->peer.port}, &stop);
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_null(ask(w, &rq));
    assert_int_equal(hcall_error(w->h)->why, HCALL_STOPPED);
    stop = 0;
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_says_what_it_has_to),
        CASE(a_body_is_sent_with_its_length),
        CASE(one_connection_serves_many),
        CASE(a_connection_that_is_closed_is_made_anew),
        CASE(bodies),
        CASE(answers_that_are_none),
        CASE(the_line_of_an_answer_that_is_none),
        CASE(what_is_too_long_is_refused),
        CASE(silence_has_a_limit),
        CASE(pieces_come_as_they_are_there),
        cmocka_unit_test(nobody_listens),
        CASE(a_signal_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
