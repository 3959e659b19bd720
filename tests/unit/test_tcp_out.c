/* The TCP port against servers on loopback. */
#include "supervisor/io/tcp_out.h"
#include "tests/unit/peers.h"

#include <sys/un.h>

struct world {
    struct loop *loop;
    struct resolve *resolve;
    struct peer peer;
    struct tcp_result r;
    char got[256];
    unsigned answers;
};

/* "+PONG" in two parts to PING, a banner, silence, the end */
static bool talk(struct peer *p, int fd, const char *req)
{
    char buf[64] = "";
    (void)p, (void)req;
    if (recv(fd, buf, sizeof(buf) - 1, 0) <= 0)
        return false;
    if (strcmp(buf, "PING\r\n") == 0) {
        peer_say(fd, "+PO");
        poll(NULL, 0, 20);
        peer_say(fd, "NG\r\n");
    } else if (strcmp(buf, "BAD") == 0) {
        peer_say(fd, "-ERR no\r\n");
    }
    return strcmp(buf, "SILENT") == 0;
}

static void on_done(void *obj, const struct tcp_result *r)
{
    struct world *w = obj;
    w->r = *r;
    snprintf(w->got, sizeof(w->got), "%.*s", (int)r->got_len, r->got);
    w->answers++;
    loop_stop(w->loop);
}

static int look_pong(void *obj, const char *p, size_t n)
{
    (void)obj;
    return memmem(p, n, "+PONG", 5) ? 1 : 0;
}

static struct tcp_request request(struct world *w, const char *send)
{
    loop_refresh(w->loop);
    return (struct tcp_request){.loop = w->loop,
                                .resolve = w->resolve,
                                .host = "127.0.0.1",
                                .port = w->peer.port,
                                .send = send,
                                .send_len = strlen(send),
                                .look = look_pong,
                                .max_bytes = 64,
                                .deadline = mono_add(loop_now(w->loop), DUR_S(3)),
                                .done = on_done,
                                .obj = w};
}

static const struct tcp_result *ask(struct world *w, const struct tcp_request *rq)
{
    unsigned before = w->answers;
    tcp_start(rq);
    assert_int_equal(w->answers, before);
    loop_run(w->loop);
    return &w->r;
}

static void an_answer_in_parts_is_found(void **state)
{
    struct world *w = *state;
    struct tcp_request rq = request(w, "PING\r\n");
    const struct tcp_result *r = ask(w, &rq);
    assert_int_equal(r->error, TCP_OK);
    assert_true(r->connect_ns > 0 && r->answer_ns > 0 && r->total_ns >= r->answer_ns);
    assert_int_equal(r->resolve_ns, 0);
    rq = request(w, "PING\r\n");
    rq.look = NULL;
    assert_int_equal(ask(w, &rq)->error, TCP_OK);
}

static void a_wrong_answer_is_told(void **state)
{
    struct world *w = *state;
    struct tcp_request rq = request(w, "BAD");
    const struct tcp_result *r = ask(w, &rq);
    assert_int_equal(r->error, TCP_CLOSED);
    assert_string_equal(w->got, "-ERR no\r\n");
    rq.max_bytes = 4;
    assert_int_equal(ask(w, &rq)->error, TCP_NOT_FOUND);
    rq = request(w, "END");
    assert_int_equal(ask(w, &rq)->error, TCP_CLOSED);
}

static void silence_ends_at_the_deadline(void **state)
{
    struct world *w = *state;
    struct tcp_request rq = request(w, "SILENT");
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(120));
    const struct tcp_result *r = ask(w, &rq);
    assert_int_equal(r->error, TCP_READ_TIMEOUT);
    assert_non_null(strstr(r->text, "no answer within 120ms (connected in "));
    assert_in_range(r->total_ns, 110000000, 600000000);
}

static void no_connection(void **state)
{
    struct world *w = *state;
    char text[64];
    struct tcp_request rq = request(w, "");
    int fd = peer_bind(SOCK_STREAM, &rq.port);
    snprintf(text, sizeof(text), "connection refused by 127.0.0.1:%u", rq.port);
    assert_int_equal(ask(w, &rq)->error, TCP_REFUSED);
    assert_string_equal(w->r.text, text);
    /* a full queue: the handshake is not answered */
    assert_int_equal(listen(fd, 0), 0);
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)rq.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int full[3];
    for (int i = 0; i < 3; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(full[i], (void *)&in, sizeof(in));
    }
    loop_refresh(w->loop);
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(120));
    assert_int_equal(ask(w, &rq)->error, TCP_CONNECT_TIMEOUT);
    assert_non_null(strstr(w->r.text, "no connection to 127.0.0.1:"));
    assert_non_null(strstr(w->r.text, " within 120ms"));
    for (int i = 0; i < 3; i++)
        close(full[i]);
    close(fd);
}

static void names_that_do_not_resolve(void **state)
{
    struct world *w = *state;
    struct tcp_request rq = request(w, "");
    rq.host = "nowhere.invalid";
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(200));
    assert_int_equal(ask(w, &rq)->error, TCP_DNS);
}

static void unix_sockets(void **state)
{
    struct world *w = *state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int n = snprintf(un.sun_path, sizeof(un.sun_path), "@supd-test-%d", (int)getpid());
    char path[sizeof(un.sun_path)];
    snprintf(path, sizeof(path), "%s", un.sun_path);
    struct tcp_request rq = request(w, "");
    rq.path = path;
    rq.look = NULL;
    assert_int_equal(ask(w, &rq)->error, TCP_REFUSED);
    un.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(fd, (void *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(ask(w, &rq)->error, TCP_OK);
    close(fd);
}

static void a_cancelled_call_says_nothing(void **state)
{
    struct world *w = *state;
    struct tcp_request rq = request(w, "SILENT");
    struct tcp_call *c = tcp_start(&rq);
    tcp_cancel(&c);
    assert_null(c);
    tcp_cancel(&c);
    rq = request(w, "PING\r\n");
    assert_int_equal(ask(w, &rq)->error, TCP_OK);
    assert_int_equal(w->answers, 1);
}

static int before(void **state)
{
    struct err e;
    struct world *w = *state = calloc(1, sizeof(*w));
    w->loop = loop_new(&e);
    w->resolve = resolve_new(w->loop, "127.0.0.1:9", &e);
    peer_start(&w->peer, false, talk);
    return 0;
}

static int after(void **state)
{
    struct world *w = *state;
    resolve_free(&w->resolve);
    loop_free(&w->loop);
    peer_stop(&w->peer);
    free(w);
    return 0;
}

#define W(fn) cmocka_unit_test_setup_teardown(fn, before, after)
RUN(W(an_answer_in_parts_is_found), W(a_wrong_answer_is_told), W(silence_ends_at_the_deadline),
    W(no_connection), W(names_that_do_not_resolve), W(unix_sockets),
    W(a_cancelled_call_says_nothing))
