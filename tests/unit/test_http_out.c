/* The HTTP port against servers on loopback that answer well, wrongly, slowly and not at all. */
#include "supervisor/io/http_out.h"
#include "supervisor/io/memfile.h"
#include "tests/unit/tls_peer.h"

#include <signal.h>
#include <time.h>

struct world {
    struct loop *loop;
    struct resolve *resolve;
    struct files *files;
    struct memfiles *memfiles;
    struct http *http;
    struct peer peer, other;
    struct http_result r;
    char body[70000], headers[4096];
    unsigned answers;
};

static void say_headers(int fd, unsigned port, const char *status, const char *path)
{
    char buf[300];
    snprintf(buf, sizeof(buf),
             "HTTP/1.1 %s\r\nLocation: http://127.0.0.1:%u%s\r\nContent-Length: 0\r\n\r\n", status,
             port, path);
    peer_say(fd, buf);
}

static bool starts(const char *req, const char *what)
{
    return strncmp(req, what, strlen(what)) == 0;
}

static bool serve(struct peer *p, int fd, const char *req)
{
    static char big[65536];
    const char *path = strchr(req, ' ') ? strchr(req, ' ') + 1 : "";
    if (starts(path, "/hello"))
        peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\n\r\nhello");
    else if (starts(path, "/keep"))
        do
            peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        while (peer_read(p, fd), p->last[0]);
    else if (starts(path, "/503"))
        peer_say(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    else if (starts(path, "/relative"))
        peer_say(fd, "HTTP/1.1 302 Found\r\nLocation: hello?x=1\r\nContent-Length: 3\r\n\r\nabc");
    else if (starts(path, "/away"))
        say_headers(fd, (unsigned)(uintptr_t)p->arg, "307 Away", "/hello");
    else if (starts(path, "/loop"))
        say_headers(fd, p->port, "301 Again", "/loop");
    else if (starts(path, "/file"))
        peer_say(fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: "
                     "0\r\n\r\n");
    else if (starts(path, "/see"))
        say_headers(fd, p->port, "303 See Other", "/hello");
    else if (starts(path, "/silent"))
        return true;
    else if (starts(path, "/half"))
        peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    else if (starts(path, "/slow"))
        return peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), true;
    else if (starts(path, "/garbage"))
        peer_say(fd, "SSH-2.0-OpenSSH_9.2\r\nand more that is no header at all\r\n\r\n");
    else if (starts(path, "/big")) {
        memset(big, 'x', sizeof(big) - 1);
        peer_say(fd, "HTTP/1.1 200 OK\r\n\r\n");
        for (int i = 0; i < 20; i++)
            peer_say(fd, big);
    }
    return false;
}

static void on_done(void *obj, const struct http_result *r)
{
    struct world *w = obj;
    w->r = *r;
    w->answers++;
    snprintf(w->body, sizeof(w->body), "%s", r->body);
    snprintf(w->headers, sizeof(w->headers), "%s", r->headers);
    loop_stop(w->loop);
}

static void setup(struct world *w)
{
    struct err e;
    memset(w, 0, sizeof(*w));
    w->loop = loop_new(&e);
    w->resolve = resolve_new(w->loop, "127.0.0.1:9", &e);
    w->http = http_new(w->loop, w->resolve, &e);
    w->files = files_new(w->loop, &e);
    assert_true(w->http && w->files);
    w->memfiles = memfile_new(w->loop, w->files);
    http_memfiles(w->http, w->memfiles);
    peer_start(&w->peer, true, serve);
    peer_start(&w->other, true, serve);
    w->peer.arg = (void *)(uintptr_t)w->other.port;
}

static void teardown(struct world *w)
{
    http_free(&w->http);
    memfile_free(&w->memfiles);
    files_free(&w->files);
    resolve_free(&w->resolve);
    loop_free(&w->loop);
    peer_stop(&w->peer);
    peer_stop(&w->other);
}

static struct http_request request(struct world *w, const char *url)
{
    return (struct http_request){.url = url,
                                 .max_body = 65536,
                                 .keep_body = true,
                                 .redirects = 10,
                                 .deadline = mono_add(loop_now(w->loop), DUR_S(5)),
                                 .done = on_done,
                                 .obj = w};
}

static const struct http_result *ask(struct world *w, const struct http_request *rq)
{
    unsigned before = w->answers;
    loop_refresh(w->loop);
    http_start(w->http, rq);
    assert_int_equal(w->answers, before); /* never from inside */
    loop_run(w->loop);
    assert_int_equal(w->answers, before + 1);
    return &w->r;
}

static const struct http_result *get(struct world *w, const char *path)
{
    static char url[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", w->peer.port, path);
    struct http_request rq = request(w, url);
    return ask(w, &rq);
}

static void an_answer_is_read(void **state)
{
    struct world *w = *state;
    const struct http_result *r = get(w, "/hello");
    assert_int_equal(r->error, HTTP_OK);
    assert_string_equal(r->text, "");
    assert_int_equal(r->status, 200);
    assert_int_equal(r->version_milli, 1100);
    assert_int_equal(r->content_length, 5);
    assert_int_equal(r->body_bytes, 5);
    assert_string_equal(w->body, "hello");
    assert_non_null(strstr(w->headers, "X-One: 1"));
    assert_int_equal(netaddr_family(&r->peer), 4);
    assert_int_equal(r->phase_ns[HTTP_RESOLVE], 0);
    assert_true(r->phase_ns[HTTP_CONNECT] > 0);
    assert_int_equal(r->phase_ns[HTTP_TLS_PHASE], -1);
    assert_true(r->phase_ns[HTTP_PROCESSING] > 0);
    assert_true(r->phase_ns[HTTP_TRANSFER] >= 0);
    assert_true(r->total_ns >= r->phase_ns[HTTP_CONNECT]);
}

static void names_come_from_the_resolver(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://localhost:%u/hello", w->peer.port);
    struct http_request rq = request(w, url);
    rq.family = 4;
    assert_int_equal(ask(w, &rq)->error, HTTP_OK);
    assert_non_null(strstr(w->peer.last, "Host: localhost:"));
}

/* The library's handle is used again, but not what it was told about the request before. */
static void a_place_is_not_carried_over(void **state)
{
    struct world *w = *state;
    char url[128];
    names_come_from_the_resolver(state);
    snprintf(url, sizeof(url), "http://127.0.0.2:%u/hello", w->peer.port); /* nobody listens */
    struct http_request rq = request(w, url);
    assert_int_equal(ask(w, &rq)->error, HTTP_REFUSED);
    assert_non_null(strstr(w->r.text, "127.0.0.2"));
    names_come_from_the_resolver(state);
    assert_int_equal(get(w, "/hello")->error, HTTP_OK);
    assert_string_equal(w->body, "hello");
}

static void a_place_may_be_given(void **state)
{
    struct world *w = *state;
    struct http_place p;
    struct err e;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/hello", w->peer.port);
    struct http_request rq = request(w, url);
    assert_true(http_place_find(&p, url, &e));
    rq.place = &p;
    assert_int_equal(ask(w, &rq)->status, 200);
    http_place_fini(&p);
    assert_int_equal(ask(w, &rq)->status, 200); /* one that is not known is found out */
    assert_true(http_place_find(&p, "https://[::1]/x", &e));
    assert_string_equal(p.host, "::1");
    assert_int_equal(p.port, 443);
    assert_true(p.https);
    http_place_fini(&p);
    assert_false(http_place_find(&p, "ftp://x/", &e));
    assert_null(p.host);
}

static void what_is_sent(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/hello", w->peer.port);
    struct http_request rq = request(w, url);
    rq.method = "POST";
    rq.body = "body!";
    rq.body_len = 5;
    rq.headers = "X-A: 1\nContent-Type: text/plain\r\n";
    rq.user = "me";
    rq.password = "pw";
    assert_int_equal(ask(w, &rq)->status, 200);
    assert_true(starts(w->peer.last, "POST /hello HTTP/1.1\r\n"));
    assert_non_null(strstr(w->peer.last, "X-A: 1\r\n"));
    assert_non_null(strstr(w->peer.last, "Content-Type: text/plain\r\n"));
    assert_non_null(strstr(w->peer.last, "Content-Length: 5\r\n"));
    assert_non_null(strstr(w->peer.last, "Authorization: Basic bWU6cHc=\r\n"));
    assert_non_null(strstr(w->peer.last, "User-Agent: supd-agent/"));
    rq.user = NULL;
    rq.bearer = "tok";
    rq.method = "HEAD";
    ask(w, &rq);
    assert_true(starts(w->peer.last, "HEAD "));
    assert_non_null(strstr(w->peer.last, "Authorization: Bearer tok\r\n"));
}

static void redirects_are_followed(void **state)
{
    struct world *w = *state;
    const struct http_result *r = get(w, "/relative");
    assert_int_equal(r->error, HTTP_OK);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->redirects, 1);
    assert_string_equal(w->body, "hello");
    assert_true(starts(w->peer.last, "GET /hello?x=1 "));
    r = get(w, "/loop");
    assert_int_equal(r->error, HTTP_REDIRECTS);
    assert_string_equal(r->text, "more than 10 redirects");
    r = get(w, "/file");
    assert_int_equal(r->error, HTTP_REDIRECTS);
    assert_string_equal(r->text, "file:// is not among http https");
}

static void redirects_may_be_answers(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/relative", w->peer.port);
    struct http_request rq = request(w, url);
    rq.redirects = 0;
    assert_int_equal(ask(w, &rq)->status, 302);
    assert_string_equal(w->body, "abc");
}

static void see_other_asks_with_get(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/see", w->peer.port);
    struct http_request rq = request(w, url);
    rq.method = "POST";
    rq.body = "x";
    rq.body_len = 1;
    assert_int_equal(ask(w, &rq)->status, 200);
    assert_true(starts(w->peer.last, "GET /hello "));
}

static void credentials_stay_with_the_host(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/away", w->peer.port);
    struct http_request rq = request(w, url);
    rq.headers = "X-Api-Key: secret\nCookie: secret";
    rq.user = "me";
    rq.password = "secret";
    assert_int_equal(ask(w, &rq)->status, 200);
    assert_non_null(strstr(w->peer.last, "X-Api-Key: secret"));
    assert_non_null(strstr(w->peer.last, "Authorization"));
    assert_true(starts(w->other.last, "GET /hello "));
    assert_null(strstr(w->other.last, "secret"));
    assert_null(strstr(w->other.last, "Authorization"));
    rq.user = NULL;
    rq.bearer = "secret";
    ask(w, &rq);
    assert_non_null(strstr(w->peer.last, "Bearer secret"));
    assert_null(strstr(w->other.last, "secret"));
}

static void the_body_is_capped(void **state)
{
    struct world *w = *state;
    const struct http_result *r = get(w, "/big");
    assert_int_equal(r->error, HTTP_OK);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body_bytes, 65536);
    assert_true(r->body_cut);
}

static void failures_have_names(void **state)
{
    struct world *w = *state;
    const struct http_result *r = get(w, "/half");
    assert_int_equal(r->error, HTTP_CLOSED);
    r = get(w, "/garbage");
    assert_int_equal(r->error, HTTP_PROTOCOL);
    r = get(w, "/nothing");
    assert_int_equal(r->error, HTTP_CLOSED);
    assert_non_null(strstr(r->text, "closed the connection without an answer"));
    unsigned port;
    char url[64], text[64];
    int fd = peer_bind(SOCK_STREAM, &port); /* bound, but nobody listens */
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    snprintf(text, sizeof(text), "connection refused by 127.0.0.1:%u", port);
    struct http_request rq = request(w, url);
    r = ask(w, &rq);
    assert_int_equal(r->error, HTTP_REFUSED);
    assert_string_equal(r->text, text);
    close(fd);
    rq.url = "http://";
    assert_int_equal(ask(w, &rq)->error, HTTP_BAD_URL);
    rq.url = "gopher://127.0.0.1/";
    assert_int_equal(ask(w, &rq)->error, HTTP_BAD_URL);
}

static void deadlines_hold(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/silent", w->peer.port);
    struct http_request rq = request(w, url);
    loop_refresh(w->loop);
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(150));
    const struct http_result *r = ask(w, &rq);
    assert_int_equal(r->error, HTTP_READ_TIMEOUT);
    assert_non_null(strstr(r->text, "no answer within 150ms (connected in "));
    assert_non_null(strstr(r->text, "waiting for the first byte"));
    assert_in_range(r->total_ns, 140000000, 600000000);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/slow", w->peer.port);
    loop_refresh(w->loop);
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(150));
    r = ask(w, &rq);
    assert_int_equal(r->error, HTTP_READ_TIMEOUT);
    assert_non_null(strstr(r->text, "the answer did not end within"));
    assert_int_equal(r->status, 200);
    rq.url = "http://nowhere.invalid/";
    loop_refresh(w->loop);
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(150));
    r = ask(w, &rq);
    assert_int_equal(r->error, HTTP_DNS);
}

static void connections_may_be_kept(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/hello", w->peer.port);
    struct http_request rq = request(w, url);
    ask(w, &rq);
    ask(w, &rq);
    assert_int_equal(w->peer.accepted, 2);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/keep", w->peer.port);
    rq.reuse = true;
    assert_int_equal(ask(w, &rq)->status, 200);
    assert_int_equal(ask(w, &rq)->status, 200);
    assert_int_equal(w->peer.accepted, 3);
}

static void a_cancelled_call_says_nothing(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/silent", w->peer.port);
    struct http_request rq = request(w, url);
    struct http_call *c = http_start(w->http, &rq);
    http_cancel(&c);
    assert_null(c);
    http_start(w->http, &rq); /* freed by http_free with what it waits for */
    assert_int_equal(get(w, "/hello")->status, 200);
    assert_int_equal(w->answers, 1);
}

/* ---- TLS ---- */

static struct http_result ask_tls(struct world *w, int days, const char *san, bool trust,
                                  const char *name)
{
    struct tls_peer t;
    struct peer p;
    char url[128];
    static unsigned number;
    t.number = number++; /* a file of CAs is read once for all who name it */
    make_cert(&t, days, san);
    peer_start(&p, false, serve_tls);
    p.arg = &t;
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", p.port);
    struct http_request rq = request(w, url);
    rq.tls.ca = trust ? t.ca : NULL;
    rq.tls.server_name = name;
    ask(w, &rq);
    peer_stop(&p);
    SSL_CTX_free(t.ctx);
    unlink(t.ca);
    return w->r;
}

static void tls_facts_are_told(void **state)
{
    struct world *w = *state;
    struct http_result r = ask_tls(w, 90, "IP:127.0.0.1", true, NULL);
    if (r.error)
        fail_msg("%s", r.text);
    assert_int_equal(r.status, 200);
    assert_true(r.tls && r.cert.seen);
    assert_true(r.phase_ns[HTTP_TLS_PHASE] > 0);
    int64_t end = time(NULL) + 90 * 86400;
    assert_in_range(r.cert.not_after, end - 60, end + 60);
    assert_int_equal(r.cert.earliest_not_after, r.cert.not_after);
    assert_int_equal(r.cert.chain_not_after, r.cert.not_after);
    assert_string_equal(r.cert.subject, "CN=peer");
}

static void refused_certificates_have_dates_too(void **state)
{
    struct world *w = *state;
    struct http_result r = ask_tls(w, -5, "IP:127.0.0.1", true, NULL);
    assert_int_equal(r.error, HTTP_TLS_VERIFY);
    assert_int_equal(r.verify, HTTP_VERIFY_EXPIRED);
    assert_non_null(strstr(r.text, "has expired"));
    assert_true(r.cert.seen && r.cert.not_after < time(NULL));
    r = ask_tls(w, 90, "DNS:other.example", true, NULL);
    assert_int_equal(r.verify, HTTP_VERIFY_HOSTNAME);
    assert_true(r.cert.seen);
    r = ask_tls(w, 90, "IP:127.0.0.1", false, NULL);
    assert_int_equal(r.verify, HTTP_VERIFY_SELF_SIGNED);
    r = ask_tls(w, 90, "DNS:other.example", true, "other.example");
    assert_int_equal(r.error, HTTP_OK);
}

/* A peer that wants a certificate of ours; `rq` has what to ask it with, but URL and authorities.
 */
static struct http_result ask_as_client(struct world *w, bool give, struct http_request rq)
{
    struct tls_peer t;
    struct peer p;
    char url[128];
    static unsigned number = 1000;
    t.number = number++;
    make_cert(&t, 90, "IP:127.0.0.1");
    SSL_CTX_load_verify_locations(t.ctx, t.ca, NULL);
    SSL_CTX_set_verify(t.ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    peer_start(&p, false, serve_tls);
    p.arg = &t;
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", p.port);
    rq.url = url;
    rq.tls.ca = rq.tls.ca ? rq.tls.ca : t.ca;
    rq.tls.cert = give ? t.ca : rq.tls.cert;
    ask(w, &rq);
    peer_stop(&p);
    SSL_CTX_free(t.ctx);
    unlink(t.ca);
    return w->r;
}

static void we_show_a_certificate(void **state)
{
    struct world *w = *state;
    for (int reuse = 0; reuse < 2; reuse++) {
        teardown(w);
        setup(w);
        struct http_request rq = request(w, NULL);
        rq.reuse = reuse;
        struct http_result r = ask_as_client(w, true, rq);
        if (r.error)
            fail_msg("%s", r.text);
        assert_int_equal(r.status, 200);
    }
    teardown(w);
    setup(w);
    assert_int_not_equal(ask_as_client(w, false, request(w, NULL)).error, HTTP_OK);
}

static void files_that_cannot_be_used_are_our_trouble(void **state)
{
    struct world *w = *state;
    struct http_request rq = request(w, NULL);
    rq.tls.ca = "/nowhere/ca.pem";
    struct http_result r = ask_as_client(w, true, rq);
    assert_int_equal(r.error, HTTP_LOCAL);
    assert_string_equal(r.text, "cannot open /nowhere/ca.pem: No such file or directory");
    rq = request(w, NULL);
    rq.tls.cert = "/nowhere/client.pem";
    r = ask_as_client(w, false, rq);
    assert_int_equal(r.error, HTTP_LOCAL);
    assert_string_equal(r.text, "cannot open /nowhere/client.pem: No such file or directory");
    rq = request(w, NULL);
    rq.tls.ca = "/proc/self/comm"; /* a file without a certificate */
    r = ask_as_client(w, true, rq);
    assert_int_equal(r.error, HTTP_LOCAL);
    assert_string_equal(r.text, "there is no certificate in the file of CAs /proc/self/comm");
    rq = request(w, NULL);
    rq.tls.cert = "/proc/self/comm";
    r = ask_as_client(w, false, rq);
    assert_int_equal(r.error, HTTP_LOCAL);
    assert_non_null(strstr(r.text, "the client certificate for 127.0.0.1"));
    assert_non_null(strstr(r.text, "certificate from /proc/self/comm, "));
}

static void a_peer_that_is_silent_in_the_handshake(void **state)
{
    struct world *w = *state;
    char url[128];
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/garbage", w->peer.port);
    struct http_request rq = request(w, url);
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(1500)); /* the CAs are read in it, too */
    const struct http_result *r = ask(w, &rq);
    assert_int_equal(r->error, HTTP_READ_TIMEOUT);
    assert_non_null(strstr(r->text, "waiting for the TLS handshake"));
}

static int before(void **state)
{
    signal(SIGPIPE, SIG_IGN); /* as the agent does: TLS writes with write() */
    *state = malloc(sizeof(struct world));
    setup(*state);
    return 0;
}

static int after(void **state)
{
    teardown(*state);
    free(*state);
    return 0;
}

#define W(fn) cmocka_unit_test_setup_teardown(fn, before, after)
RUN(W(an_answer_is_read), W(names_come_from_the_resolver), W(a_place_is_not_carried_over),
    W(a_place_may_be_given), W(what_is_sent), W(redirects_are_followed),
    W(redirects_may_be_answers), W(see_other_asks_with_get), W(credentials_stay_with_the_host),
    W(the_body_is_capped), W(failures_have_names), W(deadlines_hold), W(connections_may_be_kept),
    W(a_cancelled_call_says_nothing), W(tls_facts_are_told), W(refused_certificates_have_dates_too),
    W(we_show_a_certificate), W(files_that_cannot_be_used_are_our_trouble),
    W(a_peer_that_is_silent_in_the_handshake))
