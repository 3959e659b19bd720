/* type=postgres: its options, and what an answer means. */
#include "probes/judge/postgres.h"
#include "supervisor/base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words_sslmode[] = {"disable",   "allow",       "prefer", "require",
                                            "verify-ca", "verify-full", NULL};

#define P(text, field, kind, ...)                                                                  \
    OPT(struct postgres_opts, text, field, kind, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    P("host", host, STRING, .flags = OPT_OURS | OPT_NOT_EMPTY, .def = "127.0.0.1",
      .aka = "address hostname socket server url uri dsn conninfo",
      .help = "A name, an address, or the folder of the server's Unix socket, such as "
              "/run/postgresql."),
    P("port", port, INTEGER, .flags = OPT_OURS, .def = "5432", .lo = 1, .hi = 65535,
      .help = "The server's port; also the end of its Unix socket's name."),
    P("dbname", dbname, STRING, .flags = OPT_OURS, .def_note = "the user's name",
      .aka = "database db", .help = "The database to connect to."),
    P("user", user, STRING, .flags = OPT_OURS, .def_note = "required", .aka = "username role login",
      .help = "The role to connect as. A role of its own with pg_monitor sees what the usual "
              "queries need, and can change nothing."),
    P("password", password, STRING, .flags = OPT_OURS | OPT_SECRET, .def_note = "none",
      .help = "The role's password."),
    P("password_file", password_file, PATH, .flags = OPT_OURS | OPT_SECRET_FILE, .def_note = "none",
      .help = "The file that holds the password, instead of password=."),
    P("sslmode", sslmode, WORD, .flags = OPT_OURS, .words = words_sslmode, .def = "prefer",
      .aka = "ssl tls",
      .help = "As libpq has it: disable, allow, prefer, require, verify-ca or verify-full. The "
              "last two check the certificate, which costs some 15 ms of CPU at each fresh "
              "connection."),
    P("ca", ca, STRING, .flags = OPT_OURS | OPT_FILE, .def = "/etc/ssl/certs/ca-certificates.crt",
      .help = "PEM file with the authorities that verify-ca and verify-full trust."),
    P("query", query, STRING, .flags = OPT_OURS | OPT_NOT_EMPTY, .def = "SELECT 1", .aka = "sql",
      .help = "What is asked: its first column of its first row is the value. It runs in a "
              "read-only transaction with the probe's timeout as statement_timeout."),
    P("expect", expect_text, STRING, .flags = OPT_OURS, .def_note = "any answer",
      .aka = "condition threshold value limit max min over below",
      .help = "What the value must be: <, <=, >, >=, = or !=, and a number, as in <= 90; with = "
              "and != also a text, as in = ready. No row, and NULL, are never what was expected."),
    P("fresh_every", fresh_every, INTEGER, .flags = OPT_OURS, .def = "10", .lo = 0, .hi = 100000,
      .help = "Every so many attempts a new connection is made, which alone finds a server that "
              "lets nobody in; the others use a connection that is kept, and cost the server a "
              "hundredth of it. 1: always a new one; 0: only when the kept one is lost."),
    P("pooler", pooler, BOOLEAN, .flags = OPT_OURS, .def = "false",
      .help = "It is PgBouncer or another pooler, which refuses the settings that the probe makes "
              "for its session: they are left out (read-only, statement_timeout)."),
};
static OPT_TABLE(rows_postgres, rows);

/* ---- expect= ---- */

static bool as_number(const char *text, double *out)
{
    char *end;
    double n = strtod(text, &end);
    if (end == text || *end || !isfinite(n))
        return false;
    *out = n;
    return true;
}

int pg_expect_parse(const char *text, struct pg_expect *out, struct err *e)
{
    static const struct {
        const char *sign;
        enum pg_expect_op op;
    } ops[] = {{"<=", EXPECT_LE}, {">=", EXPECT_GE}, {"!=", EXPECT_NE}, {"<>", EXPECT_NE},
               {"==", EXPECT_EQ}, {"<", EXPECT_LT},  {">", EXPECT_GT},  {"=", EXPECT_EQ}};
    *out = (struct pg_expect){.op = EXPECT_NONE};
    text += strspn(text, " \t");
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]) && !out->op; i++) {
        size_t n = strlen(ops[i].sign);
        if (strncmp(text, ops[i].sign, n) == 0) {
            out->op = ops[i].op;
            out->text = text + n + strspn(text + n, " \t");
        }
    }
    if (!out->op)
        return *text ? err_set(e, "'%s' begins with none of < <= > >= = !=", text) : 0;
    out->number = as_number(out->text, &out->n);
    if (!*out->text)
        return err_set(e, "there is nothing behind the '%s' to compare with", text);
    if (!out->number && out->op != EXPECT_EQ && out->op != EXPECT_NE)
        return err_set(e, "'%s' is no number; texts have = and != only", out->text);
    return 0;
}

static bool holds(const struct pg_expect *x, double n)
{
    switch (x->op) {
    case EXPECT_LT:
        return n < x->n;
    case EXPECT_LE:
        return n <= x->n;
    case EXPECT_GT:
        return n > x->n;
    case EXPECT_GE:
        return n >= x->n;
    case EXPECT_EQ:
        return n <= x->n && n >= x->n;
    case EXPECT_NE:
        return n < x->n || n > x->n;
    case EXPECT_NONE:
        break;
    }
    return true;
}

/* ---- the judge ---- */

/* Text from outside with the password, should it be in it, replaced. The caller ends *out. */
static void put_masked(const struct postgres_opts *o, const char *text, struct str *out)
{
    size_t n = o->password ? strlen(o->password) : 0;
    const char *at;
    while (n && (at = strstr(text, o->password))) {
        str_put(out, text, (size_t)(at - text));
        str_puts(out, "***");
        text = at + n;
    }
    str_puts(out, text);
}

static void fail(const struct postgres_opts *o, struct verdict *v, enum reason r, const char *text)
{
    struct str s;
    str_init(&s, 0);
    put_masked(o, text, &s);
    verdict_fail(v, r, "%s", str_text(&s));
    str_fini(&s);
}

static void judge_value(const struct postgres_opts *o, const struct postgres_input *in,
                        struct verdict *v)
{
    const struct pg_expect *x = &o->expect;
    char text[256];
    if (!in->value)
        snprintf(text, sizeof(text), "the query gave %s, expected %s", in->rows ? "NULL" : "no row",
                 o->expect_text);
    else if (x->number && !v->has_value)
        snprintf(text, sizeof(text), "the value '%.60s' is no number, expected %s", in->value,
                 o->expect_text);
    else if (x->number ? !holds(x, v->value)
                       : (strcmp(in->value, x->text) == 0) != (x->op == EXPECT_EQ))
        snprintf(text, sizeof(text), "the value is %.60s, expected %s", in->value, o->expect_text);
    else
        return;
    fail(o, v, REASON_SQL, text);
    snprintf(v->subreason, sizeof(v->subreason), "expect");
}

void postgres_judge(const struct postgres_opts *o, const struct postgres_input *in,
                    struct verdict *v)
{
    if (!in->ok) {
        fail(o, v, in->reason, in->error);
        snprintf(v->subreason, sizeof(v->subreason), "%s", in->sqlstate);
        if (in->reason == REASON_INTERNAL)
            v->status = VERDICT_UNKNOWN;
        return;
    }
    char text[128];
    v->has_value = in->value && as_number(in->value, &v->value);
    snprintf(text, sizeof(text), "the value is %.80s",
             in->value  ? in->value
             : in->rows ? "NULL"
                        : "none");
    fail(o, v, REASON_NONE, text);
    v->status = VERDICT_OK;
    if (o->expect.op != EXPECT_NONE)
        judge_value(o, in, v);
}

/* ---- the kind ---- */

const char *postgres_sslmode(const struct postgres_opts *o)
{
    return words_sslmode[o->sslmode];
}

static void check(struct checker *k)
{
    struct postgres_opts *o = k->item->own;
    struct err e;
    if (!o->user || !*o->user)
        check_fail(k, "user", "a PostgreSQL probe needs user=, the role to connect as");
    if (*o->ca != '/')
        check_fail(k, "ca", "'%s' is no absolute path", o->ca);
    if (o->expect_text && pg_expect_parse(o->expect_text, &o->expect, &e) < 0)
        check_fail(k, "expect", "%s", e.msg);
}

const struct kind probe_kind_postgres = {
    .name = "postgres",
    .aka = "postgresql pg pgsql psql sql database",
    .help = "A PostgreSQL server: whether it lets us in and answers a query, and what it answers.",
    .rows = &rows_postgres,
    .size = sizeof(struct postgres_opts),
    .check = check,
};
