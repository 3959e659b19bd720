/* type=tcp: attempts through the TCP port. */
#include "probes/driver.h"
#include "probes/env.h"
#include "probes/judge/kind_tcp.h"
#include "supervisor/base/mem.h"
#include "supervisor/io/pattern.h"
#include "supervisor/io/tcp_out.h"

#include <stdlib.h>
#include <string.h>

#define READ_MAX 65536

/* kept between attempts: the bytes, and the pattern or why it does not compile */
struct held {
    struct str send, expect;
    struct pattern *match;
    struct err e;
    bool bad;
};

struct attempt {
    struct attempt_request rq;
    struct held *held;
    struct tcp_call *call;
    struct loop_defer defer;
};

static int prepare(const struct tcp_opts *o, struct held *h, struct err *e)
{
    if (o->send && tcp_unescape(o->send, &h->send, e) < 0)
        return err_prefix(e, "send");
    if (o->expect && tcp_unescape(o->expect, &h->expect, e) < 0)
        return err_prefix(e, "expect");
    if (o->expect_regex && !(h->match = pattern_new(o->expect_regex, e)))
        return err_prefix(e, "expect_regex");
    return 0;
}

static void drop(void **heldp)
{
    struct held *h = *heldp;
    if (h) {
        str_fini(&h->send);
        str_fini(&h->expect);
        pattern_free(&h->match);
    }
    free(h);
    *heldp = NULL;
}

static int check(const struct item *item, struct err *e)
{
    void *h = mem_zalloc(sizeof(struct held));
    int r = prepare(tcp_opts(item), h, e);
    drop(&h);
    return r;
}

static struct held *held_of(const struct attempt_request *rq)
{
    if (!*rq->held) {
        struct held *h = *rq->held = mem_zalloc(sizeof(*h));
        h->bad = prepare(tcp_opts(rq->item), h, &h->e) < 0;
    }
    return *rq->held;
}

/* ---- facts ---- */

static const enum reason reasons[] = {
    [TCP_OK] = REASON_NONE,
    [TCP_DNS] = REASON_DNS,
    [TCP_REFUSED] = REASON_CONNECT_REFUSED,
    [TCP_CONNECT_TIMEOUT] = REASON_CONNECT_TIMEOUT,
    [TCP_READ_TIMEOUT] = REASON_READ_TIMEOUT,
    [TCP_CLOSED] = REASON_CLOSED,
    [TCP_NOT_FOUND] = REASON_BODY,
    [TCP_LOCAL] = REASON_INTERNAL,
};

/* Looks at what has come so far for what is expected. */
static int look(void *obj, const char *p, size_t n)
{
    struct attempt *a = obj;
    const struct held *h = a->held;
    if (h->match)
        return pattern_match(h->match, p, n);
    return memmem(p, n, str_text(&h->expect), h->expect.len) ? 1 : 0;
}

static void answer(struct attempt *a, const struct verdict *v)
{
    struct attempt_request rq = a->rq;
    free(a);
    rq.done(rq.obj, v);
}

static void on_done(void *obj, const struct tcp_result *r)
{
    struct attempt *a = obj;
    struct verdict v;
    /* bytes came, and they were not the expected ones */
    bool other = r->got_len && r->error != TCP_OK;
    struct tcp_facts f = {.failed = other ? REASON_BODY : reasons[r->error],
                          .ours = r->error == TCP_LOCAL,
                          .not_found = other,
                          .text = r->text,
                          .got = r->got,
                          .got_len = r->got_len};
    verdict_init(&v);
    v.phase_ns[PHASE_RESOLVE] = r->resolve_ns;
    v.phase_ns[PHASE_CONNECT] = r->connect_ns;
    v.phase_ns[PHASE_PROCESSING] = r->answer_ns;
    v.total_ns = r->total_ns;
    v.ip_protocol = netaddr_family(&r->peer);
    v.ip_hash = netaddr_hash(&r->peer);
    v.body_bytes = (int64_t)r->got_len;
    tcp_judge(tcp_opts(a->rq.item), &f, &v);
    answer(a, &v);
}

static void on_bad(struct attempt *a)
{
    struct verdict v;
    struct tcp_facts f = {.failed = REASON_INTERNAL, .ours = true, .text = a->held->e.msg};
    verdict_init(&v);
    tcp_judge(tcp_opts(a->rq.item), &f, &v);
    answer(a, &v);
}

/* ---- attempts ---- */

static struct tcp_request request_of(struct attempt *a)
{
    static const int families[] = {0, 4, 6};
    const struct tcp_opts *o = tcp_opts(a->rq.item);
    return (struct tcp_request){
        .loop = a->rq.env->loop,
        .resolve = a->rq.env->resolve,
        .host = o->host,
        .port = (unsigned)o->port,
        .family = families[o->ip],
        .path = o->socket,
        .send = str_text(&a->held->send),
        .send_len = a->held->send.len,
        .look = o->expect || o->expect_regex ? look : NULL,
        .max_bytes = READ_MAX,
        .deadline = a->rq.deadline,
        .done = on_done,
        .obj = a,
    };
}

static struct attempt *start(const struct attempt_request *rq)
{
    struct attempt *a = mem_zalloc(sizeof(*a));
    a->rq = *rq;
    a->held = held_of(rq);
    LOOP_DEFER(&a->defer, on_bad, a);
    if (a->held->bad) {
        loop_defer(rq->env->loop, &a->defer);
        return a;
    }
    struct tcp_request q = request_of(a);
    a->call = tcp_start(&q);
    return a;
}

static void cancel(struct attempt **ap)
{
    struct attempt *a = *ap;
    if (!a)
        return;
    tcp_cancel(&a->call);
    loop_defer_cancel(a->rq.env->loop, &a->defer);
    free(a);
    *ap = NULL;
}

const struct driver driver_tcp = {
    .kind = &probe_kind_tcp, .start = start, .cancel = cancel, .check = check, .drop = drop};
