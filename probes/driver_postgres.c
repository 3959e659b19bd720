/* type=postgres: a kept connection or a fresh one, one query, and the judge. */
#include "probes/driver.h"
#include "probes/env.h"
#include "probes/judge/cert.h"
#include "probes/judge/postgres.h"
#include "supervisor/base/arena.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"
#include "supervisor/io/memfile.h"
#include "supervisor/io/pg.h"
#include "supervisor/io/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kind probe_kind_postgres;

/* What is kept between attempts. */
struct held {
    struct pg *conn; /* NULL: none, or in use */
    /* A fresh connection failed. The kept one may still be good, and closing it would make room for
     * us alone: it stays, and fresh ones are tried until one is let in. */
    bool shut_out;
    struct cert_facts cert; /* of the server, as the last handshake showed it */
};

struct attempt {
    struct attempt_request rq;
    const struct postgres_opts *o;
    struct held *held;
    struct pg *conn;
    bool kept; /* conn was kept from before */
    struct resolve_query *query;
    struct memfile_query *files; /* its authorities */
    struct resolve_result addrs;
    size_t addr;
    struct loop_timer timer;
    struct loop_defer defer;
    mono_t started, since;
    struct verdict v;
    bool fresh, let_in, ended; /* let_in: the fresh connection was made */
    char where[160];           /* what is being waited for, when the time is over */
};

/* ---- the end ---- */

static void attempt_free(struct attempt *a)
{
    resolve_cancel(&a->query);
    memfile_end(&a->files);
    pg_close(&a->conn);
    loop_timer_stop(&a->timer);
    loop_defer_cancel(a->rq.env->loop, &a->defer);
    free(a);
}

static void cancel(struct attempt **ap)
{
    if (*ap)
        attempt_free(*ap);
    *ap = NULL;
}

static void drop(void **held)
{
    struct held *h = *held;
    *held = NULL;
    if (!h)
        return;
    pg_close(&h->conn);
    free(h);
}

static void deliver(struct attempt *a)
{
    a->v.total_ns = mono_sub(mono_now(), a->started).ns;
    a->rq.done(a->rq.obj, &a->v);
    attempt_free(a);
}

static void finish(struct attempt *a, const struct postgres_input *in)
{
    if (a->ended)
        return;
    a->ended = true;
    if (a->fresh)
        a->held->shut_out = !a->let_in && in->reason != REASON_INTERNAL;
    postgres_judge(a->o, in, &a->v);
    loop_timer_stop(&a->timer);
    resolve_cancel(&a->query);
    loop_defer(a->rq.env->loop, &a->defer);
}

static void fail(struct attempt *a, enum reason r, const char *text, const char *sqlstate)
{
    finish(a, &(struct postgres_input){.reason = r, .error = text, .sqlstate = sqlstate});
}

static void try_next(struct attempt *a);

/* Several addresses share the time; true if there is still some. */
static bool time_left(struct attempt *a, enum pg_stage s)
{
    bool over = mono_reached(a->rq.deadline, loop_now(a->rq.env->loop));
    if (!over && s == PG_CONNECTING && a->addr + 1 < a->addrs.naddrs) {
        a->addr++;
        pg_close(&a->conn);
        try_next(a);
    } else if (!over) {
        loop_timer_at(&a->timer, a->rq.deadline);
    }
    return !over;
}

static void timed_out(struct attempt *a)
{
    static const struct {
        enum reason reason;
        const char *text;
    } of[] = {
        [PG_CONNECTING] = {REASON_CONNECT_TIMEOUT, "cannot be connected to in time"},
        [PG_TLS] = {REASON_TLS_HANDSHAKE, "did not end the TLS handshake in time"},
        [PG_STARTUP] = {REASON_READ_TIMEOUT, "was reached, but did not let us in in time"},
        [PG_READY] = {REASON_READ_TIMEOUT, "did not answer in time"},
        [PG_QUERYING] = {REASON_READ_TIMEOUT, "did not answer the query in time"},
    };
    char text[256];
    enum pg_stage s = a->conn ? pg_stage_of(a->conn) : PG_CONNECTING;
    const char *file = a->files ? memfile_waits(a->files) : NULL;
    if (file) {
        snprintf(text, sizeof(text), "cannot read %.200s: its disk does not answer", file);
        fail(a, REASON_INTERNAL, text, "");
        return;
    }
    if (a->query || time_left(a, s)) /* a query of a name has the same deadline, and knows more */
        return;
    snprintf(text, sizeof(text), "%s %s", a->where, of[s].text);
    pg_close(&a->conn);
    fail(a, of[s].reason, text, "");
}

static void phase_end(struct attempt *a, enum phase p)
{
    mono_t now = mono_now();
    a->v.phase_ns[p] = mono_sub(now, a->since).ns;
    a->since = now;
}

/* ---- asking ---- */

static void connect_fresh(struct attempt *a);

static void on_answer(void *obj, const struct pg_answer *r)
{
    struct attempt *a = obj;
    if (!r->ok && r->lost && a->kept) {
        /* the kept connection had ended meanwhile; whether the server is well, a new one tells */
        pg_close(&a->conn);
        a->kept = false;
        connect_fresh(a);
        return;
    }
    phase_end(a, PHASE_PROCESSING);
    a->v.cert = a->held->cert;
    a->v.tls = a->v.cert.seen;
    finish(a, &(struct postgres_input){.ok = r->ok,
                                       .reason = REASON_SQL,
                                       .error = r->error,
                                       .sqlstate = r->sqlstate,
                                       .rows = r->rows,
                                       .value = r->value});
    if (r->lost || a->o->fresh_every == 1) {
        pg_close(&a->conn);
    } else {
        pg_close(&a->held->conn);
        a->held->conn = a->conn;
        a->conn = NULL;
    }
}

static void ask(struct attempt *a)
{
    pg_query(a->conn, a->o->query, on_answer, a);
}

/* ---- connecting ---- */

/* The dates of the server's certificate; whether it is right is sslmode's business. */
static void note_cert(struct attempt *a)
{
    struct x509_chain chain;
    struct arena *mem = arena_new();
    struct cert_opts plain = {.ca = a->o->ca, .stages = {{0}}};
    struct verdict v;
    verdict_init(&v);
    if (pg_cert(a->conn, mem, &chain))
        cert_judge(&plain,
                   &(struct cert_input){
                       .chain = &chain, .peer = a->where, .now = wall_now().ns / 1000000000},
                   &v);
    v.cert.errors = 0;
    a->held->cert = v.cert;
    arena_free(&mem);
}

static bool about_authorities(const struct pg_answer *r)
{
    return strstr(r->error, "root certificate file");
}

/* libpq's words, with the file that it found in memory by its own name. */
static void put_error(const struct attempt *a, const char *error, struct str *out)
{
    const char *memory = a->files ? memfile_path(a->files, 0) : NULL;
    const char *at = memory ? strstr(error, memory) : NULL;
    str_put(out, error, at ? (size_t)(at - error) : strlen(error));
    if (at)
        str_printf(out, "%s%s", a->o->ca, at + strlen(memory));
}

static enum reason reason_of(const struct pg_answer *r)
{
    if (about_authorities(r)) /* ours */
        return REASON_INTERNAL;
    if (strstr(r->error, "certificate verify failed") || strstr(r->error, "server certificate"))
        return REASON_TLS_VERIFY;
    switch (r->stage) {
    case PG_CONNECTING:
        if (strstr(r->error, "Too many open files")) /* ours */
            return REASON_INTERNAL;
        return REASON_CONNECT_REFUSED;
    case PG_TLS:
        return REASON_TLS_HANDSHAKE;
    default:
        return REASON_SQL;
    }
}

static void on_open(void *obj, const struct pg_answer *r)
{
    struct attempt *a = obj;
    if (r->ok) {
        phase_end(a, PHASE_CONNECT);
        a->let_in = true;
        note_cert(a);
        ask(a);
        return;
    }
    if (r->stage == PG_CONNECTING && a->addr + 1 < a->addrs.naddrs) {
        a->addr++;
        pg_close(&a->conn);
        try_next(a);
        return;
    }
    struct str text = STR_INIT;
    put_error(a, r->error, &text);
    fail(a, reason_of(r), str_text(&text), "");
    str_fini(&text);
}

/* only verify-ca and verify-full look at authorities */
static const char *ca_of(const struct postgres_opts *o)
{
    return o->sslmode >= 4 ? o->ca : NULL;
}

static void open_at(struct attempt *a, const char *hostaddr)
{
    const struct postgres_opts *o = a->o;
    int64_t left = mono_sub(a->rq.deadline, a->started).ns / 1000000;
    a->conn = pg_open(&(struct pg_request){.loop = a->rq.env->loop,
                                           .hostaddr = hostaddr,
                                           .host = o->host,
                                           .port = (unsigned)o->port,
                                           .dbname = o->dbname,
                                           .user = o->user,
                                           .password = o->password,
                                           .sslmode = postgres_sslmode(o),
                                           .ca = a->files ? memfile_path(a->files, 0) : ca_of(o),
                                           .statement_timeout_ms = left > 1 ? left : 1,
                                           .pooler = o->pooler,
                                           .done = on_open,
                                           .obj = a});
}

static void try_next(struct attempt *a)
{
    char addr[NETADDR_TEXT];
    const struct netaddr *at = &a->addrs.addrs[a->addr];
    a->v.ip_protocol = netaddr_family(at);
    a->v.ip_hash = netaddr_hash(at);
    netaddr_text(at, a->where, sizeof(a->where));
    mono_t now = loop_now(a->rq.env->loop);
    int64_t share = mono_sub(a->rq.deadline, now).ns / (int64_t)(a->addrs.naddrs - a->addr);
    /* the last one has all that is left; the timer may have been spent on the one before */
    loop_timer_at(&a->timer,
                  a->addr + 1 < a->addrs.naddrs ? mono_add(now, (dur_t){share}) : a->rq.deadline);
    open_at(a, netaddr_host(at, addr, sizeof(addr)));
}

static void on_addrs(void *obj, const struct resolve_result *r)
{
    struct attempt *a = obj;
    a->query = NULL;
    phase_end(a, PHASE_RESOLVE);
    a->addrs = *r;
    if (r->status == RESOLVE_OK)
        try_next(a);
    else
        fail(a, REASON_DNS, r->text, "");
}

static void connect_now(struct attempt *a)
{
    const struct postgres_opts *o = a->o;
    a->since = mono_now();
    if (o->host[0] == '/' || o->host[0] == '@') {
        open_at(a, NULL);
        return;
    }
    a->query =
        resolve_start(a->rq.env->resolve, &(struct resolve_request){.name = o->host,
                                                                    .port = (unsigned)o->port,
                                                                    .deadline = a->rq.deadline,
                                                                    .done = on_addrs,
                                                                    .obj = a});
}

/* every Nth attempt shows whether the server lets new ones in */
static bool wants_fresh(const struct attempt *a)
{
    int64_t every = a->o->fresh_every;
    return !a->held->conn || a->held->shut_out || (every > 0 && a->rq.run % (uint64_t)every == 0);
}

static void on_files(void *obj, const char *error)
{
    struct attempt *a = obj;
    if (error)
        fail(a, REASON_INTERNAL, error, "");
    else if (!a->ended)
        connect_now(a);
}

static void connect_fresh(struct attempt *a)
{
    const struct postgres_opts *o = a->o;
    const char *const paths[MEMFILE_PATHS] = {ca_of(o)};
    snprintf(a->where, sizeof(a->where), "%.100s, port %u", o->host, (unsigned)o->port);
    a->fresh = true;
    if (paths[0] && a->rq.env->memfiles)
        a->files = memfile_start(a->rq.env->memfiles, paths, on_files, a);
    else
        connect_now(a);
}

static struct attempt *start(const struct attempt_request *rq)
{
    struct attempt *a = mem_zalloc(sizeof(*a));
    a->rq = *rq;
    a->o = rq->item->own;
    a->started = a->since = mono_now();
    verdict_init(&a->v);
    LOOP_TIMER(&a->timer, rq->env->loop, timed_out, a);
    LOOP_DEFER(&a->defer, deliver, a);
    loop_timer_at(&a->timer, rq->deadline);
    if (!*rq->held)
        *rq->held = mem_zalloc(sizeof(struct held));
    a->held = *rq->held;
    if (wants_fresh(a)) {
        connect_fresh(a);
    } else {
        a->kept = true;
        a->conn = a->held->conn;
        a->held->conn = NULL;
        snprintf(a->where, sizeof(a->where), "%.100s, port %u", a->o->host, (unsigned)a->o->port);
        ask(a);
    }
    return a;
}

const struct driver driver_postgres = {
    .kind = &probe_kind_postgres, .start = start, .cancel = cancel, .drop = drop};
