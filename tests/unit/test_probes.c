/* All of it together: a configuration's probes run against servers on loopback, and beside a DNS
 * server that is dead. */
#include "tests/unit/dns_peer.h"

#include "probes/env.h"
#include "probes/probes.h"
#include "supervisor/io/http_out.h"
#include "tests/unit/probe_gen.h"

#include <signal.h>

struct seen {
    char name[32];
    enum probe_event_kind kind;
    enum sched_state state, before;
    struct verdict v;
    bool counted;
};

struct world {
    struct driver_env env;
    struct dns_peer dns;
    struct peer peer;
    struct probes *probes;
    struct agentgen *gen;
    struct seen seen[4096];
    size_t nseen;
    struct loop_timer limit;
    bool timed_out;
    /* when to stop: so many events of a kind and a name */
    const char *name;
    enum probe_event_kind kind;
    size_t wanted;
    unsigned late;   /* starts of "well" that were more than 100 ms late */
    unsigned status; /* of the peer's answers */
    unsigned ran;
    struct verdict run_verdict;
    enum { TALKS, SILENT } mode;
};

static bool serve(struct peer *p, int fd, const char *req)
{
    struct world *w = p->arg;
    char buf[128];
    if (__atomic_load_n(&w->mode, __ATOMIC_SEQ_CST) == SILENT || strstr(req, "/silent"))
        return true;
    snprintf(buf, sizeof(buf), "HTTP/1.1 %u x\r\nContent-Length: 7\r\n\r\nall %s\n",
             __atomic_load_n(&w->status, __ATOMIC_SEQ_CST), "ok");
    peer_say(fd, buf);
    return false;
}

static size_t count(const struct world *w, const char *name, enum probe_event_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < w->nseen; i++)
        n += w->seen[i].kind == kind && strcmp(w->seen[i].name, name) == 0;
    return n;
}

static void on_event(void *obj, const struct probe_event *ev)
{
    struct world *w = obj;
    assert_true(w->nseen < COUNT(w->seen));
    struct seen *s = &w->seen[w->nseen++];
    w->late += ev->kind == PROBE_RESULT && strcmp(ev->probe->name, "well") == 0 &&
               ev->probe->late_ns > 100000000;
    snprintf(s->name, sizeof(s->name), "%s", ev->probe->name);
    s->kind = ev->kind;
    s->state = ev->probe->state;
    s->before = ev->before;
    s->counted = ev->counted;
    if (ev->verdict)
        s->v = *ev->verdict;
    if (w->name && count(w, w->name, w->kind) >= w->wanted)
        loop_stop(w->env.loop);
}

static void on_limit(struct world *w)
{
    w->timed_out = true;
    loop_stop(w->env.loop);
}

static void run_for(struct world *w, int ms)
{
    loop_refresh(w->env.loop);
    loop_timer_at(&w->limit, mono_add(loop_now(w->env.loop), DUR_MS(ms)));
    w->timed_out = false;
    loop_run(w->env.loop);
}

/* runs until so many more events of that kind and name were seen */
static const struct seen *until(struct world *w, const char *name, enum probe_event_kind kind,
                                size_t more)
{
    w->name = name;
    w->kind = kind;
    w->wanted = count(w, name, kind) + more;
    run_for(w, 20000);
    w->name = NULL;
    if (w->timed_out)
        fail_msg("waited in vain for %s", name);
    return &w->seen[w->nseen - 1];
}

static void apply(struct world *w, const char *text)
{
    char conf[4096], *out = conf;
    /* PORT stands for the peer's */
    for (const char *p = text; *p; p++) {
        if (strncmp(p, "PORT", 4) == 0) {
            out += snprintf(out, 8, "%u", w->peer.port);
            p += 3;
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
    struct agentgen *old = w->gen;
    w->gen = probe_gen(conf);
    probes_apply(w->probes, w->gen);
    agentgen_free(&old);
}

#define WEB "[probe:web]\ntype=http\nurl=http://127.0.0.1:PORT/\ninterval=200ms\nconfirm=50ms\n"

static void a_probe_lives(void **state)
{
    struct world *w = *state;
    apply(w, WEB "start_period=0\n");
    const struct seen *s = until(w, "web", PROBE_CHANGED, 1);
    assert_int_equal(s->state, SCHED_OK);
    assert_int_equal(s->before, SCHED_WAITING);
    assert_non_null(strstr(s->v.detail, "status 200 in "));
    __atomic_store_n(&w->status, 503, __ATOMIC_SEQ_CST);
    s = until(w, "web", PROBE_CHANGED, 1);
    assert_int_equal(s->state, SCHED_FAILED);
    assert_int_equal(s->v.reason, REASON_STATUS);
    assert_string_equal(s->v.detail, "status 503 (wanted 200-299)");
    assert_true(w->seen[w->nseen - 2].counted);
    __atomic_store_n(&w->status, 204, __ATOMIC_SEQ_CST);
    s = until(w, "web", PROBE_CHANGED, 1);
    assert_int_equal(s->state, SCHED_OK);
    struct probe_view v;
    assert_true(probes_find(w->probes, "web", &v));
    assert_int_equal(v.failures, 3);
    assert_int_equal(v.failures_by[REASON_STATUS], 3);
    assert_true(v.busy_ns > 0 && v.runs >= 6 && v.last->status == VERDICT_OK);
    assert_int_equal(probes_count(w->probes), 1);
}

static void the_body_is_looked_at(void **state)
{
    struct world *w = *state;
    apply(w, WEB "body_regex=^all (ok|well)\n"
                 "[probe:not]\ntype=http\nurl=http://127.0.0.1:PORT/\nbody_not_regex=ok\n"
                 "[probe:wrong]\ntype=http\nurl=http://127.0.0.1:PORT/\nbody_regex=(\n");
    probes_run(w->probes, "web", NULL, NULL);
    assert_int_equal(until(w, "web", PROBE_RESULT, 1)->v.status, VERDICT_OK);
    probes_run(w->probes, "not", NULL, NULL);
    assert_int_equal(until(w, "not", PROBE_RESULT, 1)->v.reason, REASON_BODY);
    probes_run(w->probes, "wrong", NULL, NULL);
    const struct seen *s = until(w, "wrong", PROBE_RESULT, 1);
    assert_int_equal(s->v.status, VERDICT_UNKNOWN);
    assert_non_null(strstr(s->v.detail, "body_regex: the pattern is wrong"));
}

static void on_run(void *obj, const struct probe_view *v, const struct verdict *verdict)
{
    struct world *w = obj;
    assert_string_equal(v->name, "web");
    w->ran++;
    if (verdict)
        w->run_verdict = *verdict;
}

static void runs_asked_for_are_answered(void **state)
{
    struct world *w = *state;
    apply(w, "[probe:web]\ntype=http\nurl=http://127.0.0.1:PORT/\ninterval=1h\n");
    assert_false(probes_run(w->probes, "none", on_run, w));
    assert_true(probes_run(w->probes, "web", on_run, w));
    assert_true(probes_run(w->probes, "web", on_run, w)); /* joins the first */
    until(w, "web", PROBE_RESULT, 1);
    assert_int_equal(w->ran, 2);
    assert_int_equal(w->run_verdict.http_status, 200);
    assert_int_equal(w->peer.accepted, 1);
    probes_run(w->probes, "web", on_run, w);
    probes_forget(w->probes, w);
    until(w, "web", PROBE_RESULT, 1);
    assert_int_equal(w->ran, 2);
    probes_run(w->probes, "web", on_run, w);
    apply(w, "[probe:other]\ntype=tcp\naddress=127.0.0.1:PORT\n"); /* removed: told so */
    assert_int_equal(w->ran, 3);
    assert_int_equal(count(w, "web", PROBE_REMOVED), 1);
    assert_int_equal(count(w, "other", PROBE_ADDED), 1);
}

static void a_reload_keeps_what_did_not_change(void **state)
{
    struct world *w = *state;
    apply(w, WEB);
    until(w, "web", PROBE_CHANGED, 1);
    apply(w, WEB "[probe:tcp]\ntype=tcp\naddress=127.0.0.1:PORT\n");
    struct probe_view v;
    assert_true(probes_find(w->probes, "web", &v) && v.state == SCHED_OK);
    assert_true(probes_view(w->probes, 1, &v));
    assert_string_equal(v.name, "tcp");
    assert_false(probes_view(w->probes, 2, &v));
    /* with an attempt under way, too */
    __atomic_store_n(&w->mode, SILENT, __ATOMIC_SEQ_CST);
    run_for(w, 250);
    apply(w, WEB);
    probes_find(w->probes, "web", &v);
    assert_int_equal(v.state, SCHED_OK);
    __atomic_store_n(&w->mode, TALKS, __ATOMIC_SEQ_CST);
    until(w, "web", PROBE_RESULT, 2);
    apply(w, WEB "fall=5\n"); /* changed: anew */
    probes_find(w->probes, "web", &v);
    assert_int_equal(v.state, SCHED_WAITING);
    assert_int_equal(count(w, "web", PROBE_REMOVED), 1);
    assert_int_equal(count(w, "web", PROBE_ADDED), 2);
}

static void begin_anew(struct world *w)
{
    probes_free(&w->probes);
    w->nseen = 0;
    w->probes = probes_new(&w->env, on_event, w);
    probes_apply(w->probes, w->gen);
}

static void states_are_saved_and_come_back(void **state)
{
    struct world *w = *state;
    struct str s = STR_INIT;
    struct probe_view v;
    apply(w, WEB "start_period=0\n");
    w->status = 503;
    until(w, "web", PROBE_CHANGED, 1);
    probes_save(w->probes, "web", &s);
    probes_save(w->probes, "other", &s);
    assert_true(probes_find(w->probes, "web", &v));
    wall_t since = v.since;
    uint64_t runs = v.runs;
    begin_anew(w);
    assert_false(probes_restore(w->probes, "other", s.s, s.len, DUR_S(1)));
    assert_true(probes_restore(w->probes, "web", s.s, s.len, DUR_S(100)));
    assert_true(probes_find(w->probes, "web", &v));
    assert_int_equal(v.state, SCHED_FAILED);
    assert_int_equal(v.since.ns, since.ns);
    assert_int_equal(v.runs, runs);
    assert_int_equal(v.last->reason, REASON_STATUS);
    assert_non_null(strstr(v.last->detail, "status 503"));
    assert_int_equal(count(w, "web", PROBE_RESTORED), 1);
    assert_int_equal(count(w, "web", PROBE_CHANGED), 0);
    /* it goes on: the next failure changes nothing, what was measured is not replaced */
    until(w, "web", PROBE_RESULT, 1);
    assert_int_equal(count(w, "web", PROBE_CHANGED), 0);
    assert_false(probes_restore(w->probes, "web", s.s, s.len, DUR_S(1)));
    str_fini(&s);
}

static void what_does_not_fit_is_not_restored(void **state)
{
    struct world *w = *state;
    struct str s = STR_INIT;
    struct probe_view v;
    apply(w, WEB);
    until(w, "web", PROBE_CHANGED, 1);
    probes_save(w->probes, "web", &s);
    begin_anew(w);
    for (size_t i = 0; i < s.len; i++) {
        s.s[i] ^= 1;
        assert_false(probes_restore(w->probes, "web", s.s, s.len, DUR_S(1)));
        s.s[i] ^= 1;
        assert_false(probes_restore(w->probes, "web", s.s, i, DUR_S(1)));
    }
    assert_false(probes_restore(w->probes, "web", s.s, s.len, DUR_S(3600))); /* too old */
    assert_false(probes_restore(w->probes, "web", s.s, s.len, DUR_S(-1)));
    apply(w, WEB "status=201\n");
    begin_anew(w);
    assert_false(probes_restore(w->probes, "web", s.s, s.len, DUR_S(1)));
    assert_true(probes_find(w->probes, "web", &v));
    assert_int_equal(v.state, SCHED_WAITING);
    str_fini(&s);
}

static void a_childs_failure_asks_the_parent(void **state)
{
    struct world *w = *state;
    apply(w, "[probe:up]\ntype=tcp\naddress=127.0.0.1:PORT\ninterval=1h\n"
             "[probe:child]\ntype=http\nurl=http://127.0.0.1:PORT/\ninterval=1h\nparent=up\n"
             "start_period=0\nstatus=500\n");
    probes_run(w->probes, "child", NULL, NULL);
    assert_int_equal(until(w, "up", PROBE_RESULT, 1)->v.status, VERDICT_OK);
    assert_int_equal(count(w, "child", PROBE_RESULT), 1);
}

static void a_programs_start_begins_anew(void **state)
{
    struct world *w = *state;
    apply(w, "[program:x]\ncommand=/bin/true\n" WEB "program=x\n");
    until(w, "web", PROBE_CHANGED, 1);
    probes_program_started(w->probes, "y");
    assert_int_equal(count(w, "web", PROBE_CHANGED), 1);
    probes_program_started(w->probes, "x");
    struct probe_view v;
    probes_find(w->probes, "web", &v);
    assert_int_equal(v.state, SCHED_WAITING);
    assert_int_equal(until(w, "web", PROBE_CHANGED, 1)->state, SCHED_OK);
}

static void tcp_kinds_of_answers(void **state)
{
    struct world *w = *state;
    apply(w, "[probe:good]\ntype=tcp\naddress=127.0.0.1:PORT\nsend=GET / HTTP/1.0\\r\\n\\r\\n\n"
             "expect_regex=^HTTP/1\\.[01] 200\n"
             "[probe:bad]\ntype=tcp\nhost=127.0.0.1\nport=PORT\nsend=GET / HTTP/1.0\\r\\n\\r\\n\n"
             "expect=250 \n"
             "[probe:gone]\ntype=tcp\naddress=127.0.0.1:1\n");
    probes_run(w->probes, "good", NULL, NULL);
    assert_int_equal(until(w, "good", PROBE_RESULT, 1)->v.status, VERDICT_OK);
    probes_run(w->probes, "bad", NULL, NULL);
    const struct seen *s = until(w, "bad", PROBE_RESULT, 1);
    assert_int_equal(s->v.reason, REASON_BODY);
    assert_non_null(strstr(s->v.detail, "the answer began with \"HTTP/1.1 200 x\\x0d\\n"));
    probes_run(w->probes, "gone", NULL, NULL);
    s = until(w, "gone", PROBE_RESULT, 1);
    assert_string_equal(s->v.detail, "connection refused by 127.0.0.1:1");
}

/* Two hundred probes of names that a dead server is asked for, and one beside them. */
static void a_dead_dns_server_delays_nobody_else(void **state)
{
    struct world *w = *state;
    static char conf[64 * 1024];
    size_t n = 0;
    w->dns.silent = true;
    for (int i = 0; i < 200; i++)
        n += (size_t)snprintf(conf + n, sizeof(conf) - n,
                              "[probe:dead%d]\ntype=%s%d.example:81/\ninterval=1s\n"
                              "timeout=500ms\nstart_period=0\n",
                              i, i % 2 ? "http\nurl=http://h" : "http\nurl=https://s", i);
    snprintf(conf + n, sizeof(conf) - n,
             "[probe:well]\ntype=http\nurl=http://127.0.0.1:%u/\ninterval=100ms\n", w->peer.port);
    w->gen = probe_gen(conf);
    probes_apply(w->probes, w->gen);
    run_for(w, 2500);
    struct probe_view v;
    probes_find(w->probes, "well", &v);
    assert_in_range(count(w, "well", PROBE_RESULT), 15, 26);
    assert_int_equal(v.failures, 0);
    print_message("beside a dead DNS server: %d runs, the latest start %.1f ms late\n", (int)v.runs,
                  (double)v.late_max_ns / 1e6);
    assert_in_range(w->late, 0, 2); /* a busy machine may hold this process up, too */
    probes_find(w->probes, "dead7", &v);
    assert_int_equal(v.state, v.fails >= 3 ? SCHED_FAILED : SCHED_WAITING);
    assert_true(v.failures > 0);
    assert_int_equal(v.failures_by[REASON_DNS], v.failures);
}

static void a_frozen_agent_counts_no_failures(void **state)
{
    struct world *w = *state;
    apply(w, "[probe:web]\ntype=http\nurl=http://127.0.0.1:PORT/silent\ninterval=1h\n"
             "timeout=200ms\nstart_period=0\n");
    probes_run(w->probes, "web", NULL, NULL);
    run_for(w, 20);
    poll(NULL, 0, 1400); /* this process stands still */
    const struct seen *s = until(w, "web", PROBE_RESULT, 1);
    struct probe_view v;
    probes_find(w->probes, "web", &v);
    assert_int_equal(s->v.status, VERDICT_UNKNOWN);
    assert_int_equal(v.discarded, 1);
    assert_int_equal(v.failures, 0);
}

static int before(void **state)
{
    struct err e;
    struct world *w = *state = calloc(1, sizeof(*w));
    signal(SIGPIPE, SIG_IGN);
    w->status = 200;
    w->env.loop = loop_new(&e);
    dns_peer_start(&w->dns, w->env.loop);
    w->env.resolve = resolve_new(w->env.loop, w->dns.servers, &e);
    w->env.http = http_new(w->env.loop, w->env.resolve, &e);
    w->probes = probes_new(&w->env, on_event, w);
    LOOP_TIMER(&w->limit, w->env.loop, on_limit, w);
    peer_start(&w->peer, true, serve);
    w->peer.arg = w;
    return 0;
}

static int after(void **state)
{
    struct world *w = *state;
    probes_free(&w->probes);
    agentgen_free(&w->gen);
    http_free(&w->env.http);
    resolve_free(&w->env.resolve);
    dns_peer_stop(&w->dns);
    loop_timer_stop(&w->limit);
    loop_free(&w->env.loop);
    peer_stop(&w->peer);
    free(w);
    return 0;
}

#define W(fn) cmocka_unit_test_setup_teardown(fn, before, after)
RUN(W(a_probe_lives), W(the_body_is_looked_at), W(runs_asked_for_are_answered),
    W(a_reload_keeps_what_did_not_change), W(states_are_saved_and_come_back),
    W(what_does_not_fit_is_not_restored), W(a_childs_failure_asks_the_parent),
    W(a_programs_start_begins_anew), W(tcp_kinds_of_answers),
    W(a_dead_dns_server_delays_nobody_else), W(a_frozen_agent_counts_no_failures))
