/* libpq's asynchronous side: a socket that may change under the hand, and one value out. */
#include "supervisor/io/pg.h"

#include "supervisor/base/mem.h"
#include "supervisor/io/tls.h"

#include <libpq-fe.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a statement; who gives more is not listened to any longer. */
#define ROWS_MAX 10000

struct pg {
    PGconn *conn;
    struct loop *loop;
    struct loop_io io;
    struct loop_defer defer;
    int fd; /* as watched */
    enum pg_stage stage;
    pg_done_fn *done;
    void *obj;
    struct pg_answer a;
    char error[1024];
    PGresult *result; /* how the last statement ended */
    PGresult *row;    /* its first row; holds a.value */
    int64_t rows;     /* of it, so far */
    bool ended;       /* the next row is of another statement */
};

/* ---- answers ---- */

/* "FATAL:  sorry, ...\n\tIs the server running?" as one line */
static void one_line(char *out, size_t size, const char *text)
{
    size_t n = 0;
    bool gap = false;
    for (; *text && n + 2 < size; text++) {
        if ((unsigned char)*text <= ' ') {
            gap = n > 0;
            continue;
        }
        if (gap)
            out[n++] = ' ';
        gap = false;
        out[n++] = *text;
    }
    out[n] = '\0';
}

static void watch(struct pg *p, int events)
{
    if (p->fd >= 0)
        loop_io_set(&p->io, p->fd, 0);
    p->fd = events ? PQsocket(p->conn) : -1;
    if (events)
        loop_io_set(&p->io, p->fd, events);
}

static void answer(struct pg *p)
{
    watch(p, 0);
    p->a.error = p->error;
    loop_defer(p->loop, &p->defer);
}

static void answer_error(struct pg *p, const char *text)
{
    one_line(p->error, sizeof(p->error), text);
    p->a.ok = false;
    p->a.stage = p->stage;
    p->a.lost = p->a.lost || PQstatus(p->conn) != CONNECTION_OK;
    /* libpq has no code for it; its text is strerror's, in the C locale */
    p->a.refused = p->stage == PG_CONNECTING && strstr(p->error, "Connection refused");
    answer(p);
}

static void tell(struct pg *p)
{
    struct pg_answer a = p->a;
    p->done(p->obj, &a); /* may close p */
}

/* ---- connecting ---- */

static enum pg_stage stage_of(ConnStatusType s)
{
    switch (s) {
    case CONNECTION_NEEDED:
    case CONNECTION_STARTED:
        return PG_CONNECTING;
    case CONNECTION_SSL_STARTUP:
        return PG_TLS;
    default:
        return PG_STARTUP;
    }
}

static void connect_step(struct pg *p)
{
    watch(p, 0); /* libpq may close the socket and open another one by the same number */
    p->stage = stage_of(PQstatus(p->conn));
    switch (PQconnectPoll(p->conn)) {
    case PGRES_POLLING_READING:
        watch(p, LOOP_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch(p, LOOP_WRITE);
        break;
    case PGRES_POLLING_OK:
        p->stage = PG_READY;
        p->a.ok = true;
        PQsetnonblocking(p->conn, 1);
        answer(p);
        break;
    default:
        p->a.lost = true;
        answer_error(p, PQerrorMessage(p->conn));
    }
}

static void no_notice(void *obj, const char *text)
{
    (void)obj;
    (void)text;
}

enum { SETTINGS = 16 };
struct settings {
    const char *keys[SETTINGS], *values[SETTINGS];
    int n;
};

static void set(struct settings *s, const char *key, const char *value)
{
    if (!value || s->n >= SETTINGS - 1)
        return;
    s->keys[s->n] = key;
    s->values[s->n++] = value;
}

static PGconn *connect_start(const struct pg_request *rq)
{
    struct settings s = {.n = 0};
    char port[16], options[128];
    snprintf(port, sizeof(port), "%u", rq->port);
    snprintf(options, sizeof(options),
             "-c statement_timeout=%" PRId64 " -c default_transaction_read_only=on",
             rq->statement_timeout_ms);
    set(&s, "host", rq->host);
    set(&s, "hostaddr", rq->hostaddr);
    set(&s, "port", port);
    set(&s, "dbname", rq->dbname);
    set(&s, "user", rq->user);
    set(&s, "password", rq->password);
    set(&s, "sslmode", rq->sslmode);
    set(&s, "sslrootcert", rq->ca);
    set(&s, "options", rq->pooler ? NULL : options);
    set(&s, "application_name", "supd");
    set(&s, "client_encoding", "UTF8");
    set(&s, "gssencmode", "disable");         /* would ask Kerberos, which blocks */
    set(&s, "passfile", "/dev/null/nothing"); /* only what is configured */
    return PQconnectStartParams(s.keys, s.values, 0);
}

static void turn(struct pg *p);

static void deferred(struct pg *p)
{
    tell(p);
}

struct pg *pg_open(const struct pg_request *rq)
{
    struct pg *p = mem_zalloc(sizeof(*p));
    p->loop = rq->loop;
    p->done = rq->done;
    p->obj = rq->obj;
    p->fd = -1;
    LOOP_IO(&p->io, rq->loop, turn, p);
    LOOP_DEFER(&p->defer, deferred, p);
    p->conn = connect_start(rq);
    if (!p->conn)
        mem_die();
    PQsetNoticeProcessor(p->conn, no_notice, NULL);
    if (PQstatus(p->conn) == CONNECTION_BAD) {
        p->a.lost = true;
        answer_error(p, PQerrorMessage(p->conn));
    } else {
        watch(p, LOOP_WRITE);
    }
    return p;
}

/* ---- asking ---- */

static void drop_results(struct pg *p)
{
    PQclear(p->result);
    PQclear(p->row);
    p->result = p->row = NULL;
    p->rows = 0;
    p->ended = false;
}

/* Rows come one by one, or the library would keep them all until the last one is there. */
static void take_row(struct pg *p, PGresult *r)
{
    if (p->ended)
        drop_results(p);
    if (p->rows++)
        PQclear(r);
    else
        p->row = r;
}

/* Keeps the last result, or the first error. */
static void take_result(struct pg *p, PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    bool bad = s != PGRES_TUPLES_OK && s != PGRES_COMMAND_OK && s != PGRES_EMPTY_QUERY;
    if (p->result && PQresultStatus(p->result) == PGRES_FATAL_ERROR) {
        PQclear(r);
        return;
    }
    if (s == PGRES_SINGLE_TUPLE) {
        take_row(p, r);
        return;
    }
    if (p->ended)
        drop_results(p);
    p->ended = true;
    PQclear(p->result);
    p->result = r;
    if (bad && s != PGRES_FATAL_ERROR)
        p->a.lost = true; /* COPY: there is no way out but to close */
}

static void query_end(struct pg *p)
{
    ExecStatusType s = PQresultStatus(p->result);
    bool more = p->rows > ROWS_MAX;
    if (more || s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK || s == PGRES_EMPTY_QUERY) {
        p->a.ok = true;
        p->a.lost = more;
        p->a.rows = p->rows;
        if (p->row && PQnfields(p->row) > 0 && !PQgetisnull(p->row, 0, 0))
            p->a.value = PQgetvalue(p->row, 0, 0);
        p->stage = PG_READY;
        answer(p);
        return;
    }
    const char *code = PQresultErrorField(p->result, PG_DIAG_SQLSTATE);
    snprintf(p->a.sqlstate, sizeof(p->a.sqlstate), "%s", code ? code : "");
    const char *text = p->result ? PQresultErrorMessage(p->result) : "";
    answer_error(p, p->a.lost ? "the query copies data; it must give a value"
                    : *text   ? text
                              : PQerrorMessage(p->conn));
    p->stage = PG_READY;
}

static void query_step(struct pg *p)
{
    int left = PQflush(p->conn);
    if (left < 0 || !PQconsumeInput(p->conn)) {
        p->a.lost = true;
        answer_error(p, PQerrorMessage(p->conn));
        return;
    }
    while (!p->a.lost && p->rows <= ROWS_MAX && !PQisBusy(p->conn)) {
        PGresult *r = PQgetResult(p->conn);
        if (!r)
            break;
        take_result(p, r);
    }
    if (p->a.lost || p->rows > ROWS_MAX || !PQisBusy(p->conn))
        query_end(p);
    else
        watch(p, left > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void turn(struct pg *p)
{
    if (p->stage == PG_QUERYING)
        query_step(p);
    else
        connect_step(p);
}

void pg_query(struct pg *p, const char *sql, pg_done_fn *done, void *obj)
{
    drop_results(p);
    p->a = (struct pg_answer){.error = ""};
    p->error[0] = '\0';
    p->done = done;
    p->obj = obj;
    p->stage = PG_QUERYING;
    if (PQsendQuery(p->conn, sql) && PQsetSingleRowMode(p->conn))
        watch(p, LOOP_READ | LOOP_WRITE);
    else
        answer_error(p, PQerrorMessage(p->conn));
}

enum pg_stage pg_stage_of(const struct pg *p)
{
    return p->stage;
}

void pg_close(struct pg **pp)
{
    struct pg *p = *pp;
    if (!p)
        return;
    *pp = NULL;
    watch(p, 0);
    loop_defer_cancel(p->loop, &p->defer);
    drop_results(p);
    PQfinish(p->conn);
    free(p);
}

bool pg_cert(const struct pg *p, struct arena *a, struct x509_chain *out)
{
    void *ssl = PQsslStruct(p->conn, "OpenSSL");
    if (ssl)
        tls_facts_of(ssl, a, out);
    return ssl && out->n > 0;
}
