/* type=postgres: a PostgreSQL server asked for one value. */
#ifndef PROBES_JUDGE_POSTGRES_H
#define PROBES_JUDGE_POSTGRES_H

#include "probes/judge/verdict.h"
#include "supervisor/conf/family.h"

enum pg_expect_op { EXPECT_NONE, EXPECT_LT, EXPECT_LE, EXPECT_GT, EXPECT_GE, EXPECT_EQ, EXPECT_NE };

/* `<= 90`, `= ready`, `!= 0`: numbers are compared as numbers, other texts for being the same. */
struct pg_expect {
    enum pg_expect_op op;
    bool number;
    double n;
    const char *text; /* the right side */
};
/* Reads the text, which must stay: 0, or -1 and the reason. An empty one expects nothing. */
int pg_expect_parse(const char *text, struct pg_expect *out, struct err *e);

struct postgres_opts {
    struct opt_set set;
    const char *host; /* a name, an address, or the folder of a Unix socket */
    int64_t port;
    const char *dbname, *user, *password, *password_file;
    uint8_t sslmode;
    const char *ca;
    const char *query, *expect_text;
    int64_t fresh_every;
    bool pooler;
    struct pg_expect expect; /* what the check makes of expect_text */
};
/* "prefer": libpq's word of o->sslmode */
const char *postgres_sslmode(const struct postgres_opts *o);

/* Facts of an attempt. */
struct postgres_input {
    bool ok;
    enum reason reason;   /* if not ok */
    const char *error;    /* what the server or the library said */
    const char *sqlstate; /* "" or five characters */
    int64_t rows;
    const char *value; /* NULL: no row, or NULL */
};
/* Sets v's status, reason, subreason, detail and value. No text has the password in it. */
void postgres_judge(const struct postgres_opts *o, const struct postgres_input *in,
                    struct verdict *v);

#endif
