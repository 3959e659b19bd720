/* PostgreSQL connections that never block (libpq behind it): opened, asked for one value, closed.
 * Has no timers: whoever waits too long closes. Names are resolved before: libpq would block. */
#ifndef IO_PG_H
#define IO_PG_H

#include "supervisor/base/arena.h"
#include "supervisor/core/x509.h"
#include "supervisor/io/loop.h"

struct pg;

/* How far an attempt came. */
enum pg_stage {
    PG_CONNECTING, /* to the socket */
    PG_TLS,
    PG_STARTUP, /* the server was reached: start-up packet, authentication */
    PG_READY,
    PG_QUERYING,
};

struct pg_answer {
    bool ok;
    enum pg_stage stage; /* where it failed */
    const char *error;   /* what the server or libpq said, one line; "" if ok */
    bool refused;        /* the connection was refused by the host, not by the server */
    bool lost;           /* the connection is of no use any more; also after a success */
    char sqlstate[6];    /* of a failed query, else "" */
    int64_t rows;        /* of so many that they do not end, those that were waited for */
    const char *value;   /* first column of the first row; NULL: no row, or SQL's NULL */
};
/* Called once for each request, at the end of a turn; valid during the call. */
typedef void pg_done_fn(void *obj, const struct pg_answer *a);

struct pg_request {
    struct loop *loop;
    const char *hostaddr; /* an address in digits; NULL: host is a folder with a Unix socket */
    const char *host;     /* the name, for the certificate */
    unsigned port;
    const char *dbname, *user, *password; /* dbname, password: may be NULL */
    const char *sslmode;                  /* as libpq calls them */
    const char *ca;                       /* NULL: libpq's default */
    int64_t statement_timeout_ms;
    bool pooler; /* no session settings: PgBouncer refuses connections that have some */
    pg_done_fn *done;
    void *obj;
};

/* Begins to connect. Never NULL; all texts are copied. */
struct pg *pg_open(const struct pg_request *rq);
/* Asks; only when the last request was answered and the connection is not lost. Several statements
 * are allowed: the last result counts, or the first error. */
void pg_query(struct pg *p, const char *sql, pg_done_fn *done, void *obj);
/* How far it is. */
enum pg_stage pg_stage_of(const struct pg *p);
/* Closes without waiting for anything, also in the middle; no answer comes. Also from inside done.
 */
void pg_close(struct pg **p);
/* What the server's certificate says; false if the connection has no TLS. */
bool pg_cert(const struct pg *p, struct arena *a, struct x509_chain *out);

#endif
