/* Probes against peers that mean no good, and in unlucky moments. */
#include "tests/unit/dns_peer.h"

#include "probes/env.h"
#include "probes/probes.h"
#include "supervisor/io/files.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/trusts.h"
#include "tests/unit/probe_gen.h"

#include <signal.h>
#include <time.h>

struct world {
    struct driver_env env;
    struct dns_peer dns;
    struct peer peer;
    struct probes *probes;
    struct agentgen *gen;
    struct loop_timer limit;
    struct verdict v; /* the last one */
    size_t results, wanted;
    bool timed_out;
};

static void on_event(void *obj, const struct probe_event *ev)
{
    struct world *w = obj;
    if (ev->kind != PROBE_RESULT)
        return;
    w->v = *ev->verdict;
    if (++w->results == w->wanted)
        loop_stop(w->env.loop);
}

static void on_limit(struct world *w)
{
    w->timed_out = true;
    loop_stop(w->env.loop);
}

static void apply(struct world *w, const char *text)
{
    struct agentgen *old = w->gen;
    w->gen = probe_gen(text);
    probes_apply(w->probes, w->gen);
    agentgen_free(&old);
}

/* runs all probes once, at the same moment, and waits for their results */
static void run_all(struct world *w)
{
    struct probe_view v;
    loop_refresh(w->env.loop);
    for (size_t i = 0; probes_view(w->probes, i, &v); i++)
        probes_run(w->probes, v.name, NULL, NULL);
    w->wanted = w->results + probes_count(w->probes);
    loop_timer_at(&w->limit, mono_add(loop_now(w->env.loop), DUR_S(20)));
    loop_run(w->env.loop);
    if (w->timed_out)
        fail_msg("waited in vain: %s", w->v.detail);
}

static bool hang_up(struct peer *p, int fd, const char *req)
{
    (void)p, (void)fd, (void)req;
    return false;
}

/* Both find none in memory, both read the file, and the second comes while the first connects. */
static void two_read_the_same_authorities(void **state)
{
    struct world *w = *state;
    char conf[400];
    peer_start(&w->peer, false, hang_up);
    snprintf(conf, sizeof(conf),
             "[probe:a]\ntype=cert\naddress=127.0.0.1:%u\n[probe:b]\ntype=cert\n"
             "address=127.0.0.1:%u\n",
             w->peer.port, w->peer.port);
    apply(w, conf);
    run_all(w);
    assert_int_equal(w->v.reason, REASON_TLS_HANDSHAKE);
}

/* Says what begins TLS, and then goes on as fast as it can, in plain. */
static bool flood(struct peer *p, int fd, const char *req)
{
    static char junk[65536];
    (void)p, (void)req;
    peer_say(fd, "220 hello\r\n250 STARTTLS\r\n");
    recv(fd, junk, sizeof(junk), 0);
    peer_say(fd, "250 STARTTLS\r\n");
    recv(fd, junk, sizeof(junk), 0);
    peer_say(fd, "220 go\r\n");
    memset(junk, 'x', sizeof(junk));
    while (send(fd, junk, sizeof(junk), MSG_NOSIGNAL) > 0)
        continue;
    return false;
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void plain_text_without_end_before_tls(void **state)
{
    struct world *w = *state;
    char conf[200];
    peer_start(&w->peer, false, flood);
    snprintf(conf, sizeof(conf),
             "[probe:a]\ntype=cert\naddress=127.0.0.1:%u\nstarttls=smtp\ntimeout=2s\n",
             w->peer.port);
    apply(w, conf);
    run_all(w); /* the authorities are read */
    int64_t cpu = cpu_ns();
    run_all(w);
    assert_int_equal(w->v.status, VERDICT_FAIL);
    assert_in_range(cpu_ns() - cpu, 0, 100000000);
}

/* A port whose queue is full: what is sent there is dropped. */
static int deaf_port(const char *host, unsigned port, unsigned *out_port, int *filler)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, host, &in.sin_addr);
    if (bind(fd, (void *)&in, sizeof(in)) < 0 || listen(fd, 0) < 0)
        fail_msg("cannot listen at %s", host);
    getsockname(fd, (void *)&in, &len);
    *out_port = ntohs(in.sin_port);
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(filler[i], (void *)&in, sizeof(in));
    }
    poll(NULL, 0, 50);
    return fd;
}

static void no_address_of_a_database_answers(void **state)
{
    struct world *w = *state;
    char conf[200];
    unsigned port;
    int fds[8];
    w->dns.two = true;
    fds[0] = deaf_port("127.0.0.1", 0, &port, fds + 2);
    fds[1] = deaf_port("127.0.0.2", port, &port, fds + 5);
    snprintf(conf, sizeof(conf),
             "[probe:a]\ntype=postgres\nuser=x\nhost=db.example\nport=%u\ntimeout=1s\n", port);
    apply(w, conf);
    run_all(w);
    assert_string_equal(reason_text(w->v.reason), "connect_timeout");
    assert_int_equal(w->v.status, VERDICT_FAIL);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

static bool slowly(struct peer *p, int fd, const char *req)
{
    (void)req;
    unsigned ms = (unsigned)(uintptr_t)p->arg;
    poll(NULL, 0, (int)ms);
    peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return false;
}

/* A reload shortly before the answer: the attempt is made again, and has as long as any other. */
static void a_reload_costs_an_attempt_no_time(void **state)
{
    struct world *w = *state;
    char conf[200];
    peer_start(&w->peer, true, slowly);
    w->peer.arg = (void *)(uintptr_t)600;
    snprintf(conf, sizeof(conf),
             "[probe:a]\ntype=http\nurl=http://127.0.0.1:%u/\ninterval=1h\ntimeout=1500ms\n",
             w->peer.port);
    apply(w, conf);
    probes_run(w->probes, "a", NULL, NULL);
    for (int i = 0; i < 4; i++) {
        loop_refresh(w->env.loop);
        loop_timer_at(&w->limit, mono_add(loop_now(w->env.loop), DUR_MS(400)));
        loop_run(w->env.loop);
        apply(w, conf);
    }
    w->timed_out = false;
    w->wanted = 1;
    loop_refresh(w->env.loop);
    loop_timer_at(&w->limit, mono_add(loop_now(w->env.loop), DUR_S(20)));
    if (!w->results)
        loop_run(w->env.loop);
    assert_false(w->timed_out);
    assert_string_equal(w->v.detail[0] == 's' ? "" : w->v.detail, "");
    assert_int_equal(w->v.status, VERDICT_OK);
}

static int before(void **state)
{
    struct err e;
    struct world *w = *state = calloc(1, sizeof(*w));
    signal(SIGPIPE, SIG_IGN);
    w->env.loop = loop_new(&e);
    dns_peer_start(&w->dns, w->env.loop);
    w->env.resolve = resolve_new(w->env.loop, w->dns.servers, &e);
    w->env.http = http_new(w->env.loop, w->env.resolve, &e);
    w->env.files = files_new(w->env.loop, &e);
    w->env.trusts = trusts_new();
    w->probes = probes_new(&w->env, on_event, w);
    LOOP_TIMER(&w->limit, w->env.loop, on_limit, w);
    return 0;
}

static int after(void **state)
{
    struct world *w = *state;
    probes_free(&w->probes);
    agentgen_free(&w->gen);
    trusts_free(&w->env.trusts);
    files_free(&w->env.files);
    http_free(&w->env.http);
    resolve_free(&w->env.resolve);
    dns_peer_stop(&w->dns);
    loop_timer_stop(&w->limit);
    loop_free(&w->env.loop);
    if (w->peer.fn)
        peer_stop(&w->peer);
    free(w);
    return 0;
}

#define W(fn) cmocka_unit_test_setup_teardown(fn, before, after)
RUN(W(two_read_the_same_authorities), W(plain_text_without_end_before_tls),
    W(no_address_of_a_database_answers), W(a_reload_costs_an_attempt_no_time))
