/* The resolver: names, who waits for them, what is known of them. The library is in dns_chan. */
#include "supervisor/io/resolve.h"
#include "supervisor/io/dnschan.h"

#include "supervisor/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#define CACHE_MAX 32768
#define NAME_SIZE 260
/* An answer is kept for its TTL, within these: a TTL of 0 still serves those who ask at once. */
#define KEEP_LEAST DUR_S(1)
#define KEEP_MOST DUR_S(300)

struct name;

struct resolve_query {
    struct resolve *r;
    struct name *name; /* NULL: answered, or a plain address */
    LIST_ENTRY(resolve_query) next;
    struct loop_timer timer;
    struct loop_defer defer;
    unsigned port;
    resolve_done_fn *done;
    void *obj;
    struct resolve_result result;
};

/* a name of one family, being asked for or known */
struct name {
    struct resolve *r;
    char key[NAME_SIZE]; /* "4name": the family, then the name */
    bool asking;
    mono_t until; /* when known: how long */
    struct dns_answer answer;
    LIST_HEAD(, resolve_query) waiting;
    UT_hash_handle hh;
};

struct resolve {
    struct loop *loop;
    struct dnschan *chan;
    struct name *names;
    uint64_t asked;
    bool closing;
};

struct resolve *resolve_new(struct loop *l, const char *servers, struct err *e)
{
    struct dnschan *chan = dnschan_new(l, servers, e);
    if (!chan)
        return NULL;
    struct resolve *r = mem_zalloc(sizeof(*r));
    r->loop = l;
    r->chan = chan;
    return r;
}

static void name_free(struct name *n)
{
    HASH_DEL(n->r->names, n);
    free(n);
}

static void query_free(struct resolve_query *q)
{
    if (q->name)
        LIST_REMOVE(q, next);
    loop_timer_stop(&q->timer);
    loop_defer_cancel(q->r->loop, &q->defer);
    free(q);
}

void resolve_free(struct resolve **rp)
{
    struct resolve *r = *rp;
    if (!r)
        return;
    r->closing = true;
    dnschan_free(&r->chan);
    struct name *n, *next;
    HASH_ITER(hh, r->names, n, next)
    {
        while (!LIST_EMPTY(&n->waiting))
            query_free(LIST_FIRST(&n->waiting));
        name_free(n);
    }
    free(r);
    *rp = NULL;
}

uint64_t resolve_asked(const struct resolve *r)
{
    return r->asked;
}

/* ---- answers ---- */

static void deliver(struct resolve_query *q)
{
    resolve_done_fn *done = q->done;
    void *obj = q->obj;
    struct resolve_result result = q->result;
    query_free(q);
    done(obj, &result);
}

static void set_port(struct netaddr *a, unsigned port)
{
    if (a->sa.sa_family == AF_INET6)
        a->in6.sin6_port = htons((uint16_t)port);
    else
        a->in.sin_port = htons((uint16_t)port);
}

/* Takes the query off its name and answers it at the end of the turn. */
static void answer(struct resolve_query *q, const struct dns_answer *a)
{
    struct resolve_result *r = &q->result;
    r->status = a->status;
    r->naddrs = a->naddrs;
    memcpy(r->addrs, a->addrs, sizeof(r->addrs));
    for (size_t i = 0; i < r->naddrs; i++)
        set_port(&r->addrs[i], q->port);
    if (a->status != RESOLVE_OK)
        snprintf(r->text, sizeof(r->text), "cannot resolve %.255s: %s", q->name->key + 1, a->text);
    LIST_REMOVE(q, next);
    q->name = NULL;
    loop_timer_stop(&q->timer);
    loop_defer(q->r->loop, &q->defer);
}

static void on_deadline(struct resolve_query *q)
{
    static const struct dns_answer late = {.status = RESOLVE_TIMEOUT,
                                           .text = "no answer from the DNS server in time"};
    answer(q, &late);
}

static dur_t keep(uint32_t ttl)
{
    dur_t d = DUR_S(ttl);
    return d.ns < KEEP_LEAST.ns ? KEEP_LEAST : d.ns > KEEP_MOST.ns ? KEEP_MOST : d;
}

static void on_answer(void *obj, const struct dns_answer *a)
{
    struct name *n = obj;
    n->asking = false;
    n->answer = *a;
    n->until = mono_add(loop_now(n->r->loop), keep(a->ttl));
    if (n->r->closing)
        return;
    while (!LIST_EMPTY(&n->waiting))
        answer(LIST_FIRST(&n->waiting), a);
    if (a->status != RESOLVE_OK)
        name_free(n);
}

/* ---- questions ---- */

static void sweep(struct resolve *r)
{
    struct name *n, *next;
    HASH_ITER(hh, r->names, n, next)
    {
        if (!n->asking && mono_reached(n->until, loop_now(r->loop)))
            name_free(n);
    }
    HASH_ITER(hh, r->names, n, next)
    {
        if (HASH_COUNT(r->names) < CACHE_MAX)
            break;
        if (!n->asking)
            name_free(n);
    }
}

static struct name *name_of(struct resolve *r, const char *key)
{
    struct name *n;
    HASH_FIND_STR(r->names, key, n);
    if (n)
        return n;
    if (HASH_COUNT(r->names) >= CACHE_MAX)
        sweep(r);
    n = mem_zalloc(sizeof(*n));
    n->r = r;
    n->until.ns = 1;
    memcpy(n->key, key, strlen(key) + 1);
    LIST_INIT(&n->waiting);
    HASH_ADD_STR(r->names, key, n);
    return n;
}

static void ask(struct resolve *r, struct name *n)
{
    static const int families[] = {['0'] = 0, ['4'] = 4, ['6'] = 6};
    n->asking = true;
    r->asked++;
    dnschan_ask(r->chan, n->key + 1, families[(int)n->key[0]], on_answer, n);
}

static void wait_for(struct resolve_query *q, const char *key, mono_t deadline)
{
    struct resolve *r = q->r;
    struct name *n = name_of(r, key);
    q->name = n;
    LIST_INSERT_HEAD(&n->waiting, q, next);
    if (n->asking) {
        loop_timer_at(&q->timer, deadline);
    } else if (!mono_reached(n->until, loop_now(r->loop))) {
        q->result.cached = true;
        answer(q, &n->answer);
    } else {
        loop_timer_at(&q->timer, deadline);
        ask(r, n); /* may answer at once, from /etc/hosts */
    }
}

static void answer_bad(struct resolve_query *q, const char *text)
{
    q->result.status = RESOLVE_NOT_FOUND;
    snprintf(q->result.text, sizeof(q->result.text), "%s", text);
    loop_defer(q->r->loop, &q->defer);
}

static void answer_literal(struct resolve_query *q, int family)
{
    struct resolve_result *r = &q->result;
    r->naddrs = 1;
    r->cached = true;
    if (family && netaddr_family(&r->addrs[0]) != family)
        answer_bad(q, "the address is of the other family than ip= wants");
    else
        loop_defer(q->r->loop, &q->defer);
}

struct resolve_query *resolve_start(struct resolve *r, const struct resolve_request *rq)
{
    struct resolve_query *q = mem_zalloc(sizeof(*q));
    char key[NAME_SIZE];
    q->r = r;
    q->port = rq->port;
    q->done = rq->done;
    q->obj = rq->obj;
    LOOP_TIMER(&q->timer, r->loop, on_deadline, q);
    LOOP_DEFER(&q->defer, deliver, q);
    if (netaddr_parse(rq->name, rq->port, &q->result.addrs[0]))
        answer_literal(q, rq->family);
    else if (!*rq->name || (size_t)snprintf(key, sizeof(key), "%d%s", rq->family, rq->name) > 256)
        answer_bad(q, "the name is empty or too long");
    else
        wait_for(q, key, rq->deadline);
    return q;
}

void resolve_cancel(struct resolve_query **qp)
{
    if (*qp)
        query_free(*qp);
    *qp = NULL;
}
