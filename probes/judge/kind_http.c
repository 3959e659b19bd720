/* type=http: rows, checks and judge. */
#include "probes/judge/kind_http.h"

#include "supervisor/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words_redirects[] = {"follow", "none", NULL};
static const char *const words_connection[] = {"fresh", "reuse", NULL};
static const char *const words_ip[] = {"any", "4", "6", NULL};
static const char *const words_tls_min[] = {"1.2", "1.3", NULL};

#define P(text, field, kind, ...)                                                                  \
    OPT(struct http_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
#define F(text, field, ...)                                                                        \
    OPT(struct http_opts, text, field, PATH, .flags = OPT_OURS | OPT_FILE, .apply = GEN_HOT,       \
        __VA_ARGS__)
#define SECRET(text, field, ...)                                                                   \
    OPT(struct http_opts, text, field, STRING, .flags = OPT_OURS | OPT_SECRET, .apply = GEN_HOT,   \
        __VA_ARGS__)
#define SECRET_FILE(text, field, ...)                                                              \
    OPT(struct http_opts, text, field, PATH, .flags = OPT_OURS | OPT_SECRET_FILE,                  \
        .apply = GEN_HOT, .def_note = "none", __VA_ARGS__)
static const struct opt rows[] = {
    P("url", url, STRING, .def_note = "required", .aka = "uri address host endpoint",
      .help = "What to ask for, http:// or https://, without a user's name or password in it."),
    P("method", method, STRING, .def = "GET", .help = "The method of the request."),
    SECRET("headers", headers, .def_note = "none", .aka = "header",
           .help = "Headers of the request, \"Name: value\", one a line. They go to the URL's own "
                   "host only, not to where it redirects."),
    SECRET_FILE("headers_file", headers_file, .help = "A file with the headers."),
    SECRET("body", body, .def_note = "none", .help = "The body of the request."),
    SECRET_FILE("body_file", body_file, .help = "A file with the body."),
    P("status", status, STRING, .def = "200-299",
      .aka = "expect_status expected_status status_code codes expect",
      .help = "The status codes that are well: codes and ranges, \"200-299,401\"."),
    P("body_regex", body_regex, STRING, .def_note = "none",
      .aka = "match regex pattern contains body_match",
      .help = "The body has to match this regular expression (PCRE2)."),
    P("body_not_regex", body_not_regex, STRING, .def_note = "none",
      .help = "The body must not match this regular expression."),
    P("redirects", redirects, WORD, .words = words_redirects, .def = "follow",
      .aka = "follow follow_redirects",
      .help = "follow: up to 10 redirects, to http and https; what proves who we are stays with "
              "the first host. none: a redirect is an answer like others, for status=."),
    P("connection", connection, WORD, .words = words_connection, .def = "fresh",
      .help = "fresh: each attempt connects, as a new client would. reuse: a connection is kept "
              "between attempts, which is cheaper and does not see that new ones fail."),
    P("ip", ip, WORD, .words = words_ip, .def = "any",
      .help = "4 or 6: only addresses of that version of IP. any: in the system's order of "
              "preference, the next one when one does not answer."),
    P("tls_verify", tls_verify, BOOLEAN, .def = "true",
      .aka = "insecure verify verify_tls ssl_verify verify_ssl",
      .help = "Whether the server's certificate has to be valid, trusted, and for its name."),
    F("tls_ca", tls_ca, .def_note = "the system's", .aka = "ca ca_file cafile",
      .help = "A PEM file with the authorities to trust instead of the system's."),
    F("tls_cert", tls_cert, .def_note = "none",
      .help = "A PEM file with our certificate, for servers that ask for one."),
    F("tls_key", tls_key, .def_note = "in tls_cert", .help = "The PEM file with its key."),
    P("tls_min", tls_min, WORD, .words = words_tls_min, .def = "1.2",
      .help = "The oldest version of TLS that is accepted."),
    P("tls_server_name", tls_server_name, STRING, .def_note = "the URL's host",
      .help = "The name to ask the server for, and to find in its certificate."),
    P("user", user, STRING, .def_note = "none", .aka = "username login auth basic_auth",
      .help = "The user's name for basic authentication."),
    SECRET("password", password, .def_note = "none", .help = "The password that belongs to user."),
    SECRET_FILE("password_file", password_file, .help = "A file with the password."),
    SECRET("bearer", bearer, .def_note = "none", .aka = "token bearer_token authorization",
           .help = "A token, sent as Authorization: Bearer."),
    SECRET_FILE("bearer_file", bearer_file, .aka = "token_file bearer_token_file",
                .help = "A file with the token."),
    P("max_body", max_body, SIZE, .def = "1MB", .lo = 0, .hi = 64 * 1024 * 1024,
      .help = "So much of the body is read and looked at; a longer one is not a failure."),
    P("proxy", proxy, STRING, .def_note = "none, whatever the environment says",
      .help = "A proxy to go through, http://host:port."),
};
OPT_TABLE(rows_http, rows);

/* ---- checks ---- */

static bool has_bad_bytes(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return true;
    }
    return false;
}

static void check_url(struct checker *k, const char *option, const char *url, bool https)
{
    const char *p = strstr(url, "://");
    size_t scheme = p ? (size_t)(p - url) : 0;
    bool http = scheme == 4 && strncmp(url, "http", 4) == 0;
    if (!http && !(https && scheme == 5 && strncmp(url, "https", 5) == 0)) {
        check_fail(k, option, "has to begin with http://%s", https ? " or https://" : "");
        return;
    }
    p += 3;
    size_t n = strcspn(p, "/?#");
    if (memchr(p, '@', n))
        check_fail(k, option,
                   "a URL is shown in many places; write the user's name and the "
                   "password as user= and password_file=");
    else if (n == 0 || *p == ':')
        check_fail(k, option, "has no host");
    else if (has_bad_bytes(url))
        check_fail(k, option, "has a blank or a control character; write %%%%20 for a blank");
}

static void check_headers(struct checker *k, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n"), name = strcspn(text, ":\n");
        if (n && (name == n || name == 0 || memchr(text, ' ', name))) {
            check_fail(k, "headers", "each line has to be \"Name: value\""); /* not the text */
            return;
        }
        text += n + (text[n] == '\n');
    }
}

static void check_auth(struct checker *k, const struct http_opts *o)
{
    if (o->user && o->bearer)
        check_fail(k, "bearer", "user= and bearer= exclude each other");
    if (o->password && !o->user)
        check_fail(k, "password", "needs user=");
    if (o->tls_key && !o->tls_cert)
        check_fail(k, "tls_key", "needs tls_cert=");
}

static void check(struct checker *k)
{
    struct http_opts *o = k->item->own;
    struct err e;
    if (o->url)
        check_url(k, "url", o->url, true);
    else
        check_fail(k, "url", "is missing: what is to be asked for?");
    if (o->proxy)
        check_url(k, "proxy", o->proxy, false);
    if (!*o->method || has_bad_bytes(o->method))
        check_fail(k, "method", "'%s' is no method", o->method);
    if (http_status_check(o->status, &e) < 0)
        check_fail(k, "status", "%s", e.msg);
    if (o->headers)
        check_headers(k, o->headers);
    if ((o->body_regex || o->body_not_regex) && strcmp(o->method, "HEAD") == 0)
        check_fail(k, "method", "an answer to HEAD has no body for body_regex; use GET");
    check_auth(k, o);
}

const struct kind probe_kind_http = {
    .name = "http",
    .aka = "https web url website curl",
    .help = "Asks a web server, and looks at the status and the body of its answer.",
    .rows = &rows_http,
    .size = sizeof(struct http_opts),
    .check = check,
};

/* ---- status codes ---- */

/* One "200" or "200-299" and the comma behind it; NULL: malformed. */
static const char *range(const char *p, long *out_lo, long *out_hi)
{
    char *end;
    p += strspn(p, " ");
    if (*p < '0' || *p > '9')
        return NULL;
    *out_lo = *out_hi = strtol(p, &end, 10);
    end += strspn(end, " ");
    if (*end == '-') {
        p = end + 1 + strspn(end + 1, " ");
        if (*p < '0' || *p > '9')
            return NULL;
        *out_hi = strtol(p, &end, 10);
        end += strspn(end, " ");
    }
    if (*end == ',' && end[1])
        return end + 1;
    return *end ? NULL : end;
}

int http_status_check(const char *ranges, struct err *e)
{
    long lo, hi;
    const char *p = ranges;
    do {
        p = range(p, &lo, &hi);
        if (!p)
            return err_set(e, "'%s' is not like 200-299,401", ranges);
        if (lo < 100 || hi > 999 || lo > hi)
            return err_set(e, "'%s': status codes are 100 to 999, the smaller first", ranges);
    } while (*p);
    return 0;
}

bool http_status_in(const char *ranges, int status)
{
    long lo, hi;
    for (const char *p = ranges; p && *p;) {
        p = range(p, &lo, &hi);
        if (p && status >= lo && status <= hi)
            return true;
    }
    return false;
}

/* ---- judge ---- */

static void fail_body(const struct http_facts *f, struct verdict *v, const char *option,
                      const char *what)
{
    v->regex_failed = true;
    verdict_fail(v, REASON_BODY, "the body %s %s%s (status %d, %lld bytes)", what, option,
                 f->body_cut ? ", of which only max_body was read" : "", v->http_status,
                 (long long)v->body_bytes);
}

static bool judge_body(const struct http_facts *f, struct verdict *v)
{
    if (f->match == MATCH_LIMIT || f->not_match == MATCH_LIMIT)
        fail_body(f, v, f->match == MATCH_LIMIT ? "body_regex" : "body_not_regex",
                  "is too costly to match with");
    else if (f->match == MATCH_NO)
        fail_body(f, v, "body_regex", "does not match");
    else if (f->not_match == MATCH_YES)
        fail_body(f, v, "body_not_regex", "matches");
    else
        return true;
    return false;
}

void http_judge(const struct http_opts *o, const struct http_facts *f, struct verdict *v)
{
    if (f->failed != REASON_NONE) {
        verdict_fail(v, f->failed, "%s", f->text);
        memcpy(v->subreason, f->subreason, strlen(f->subreason) + 1);
        if (f->ours)
            v->status = VERDICT_UNKNOWN;
        return;
    }
    if (!http_status_in(o->status, v->http_status)) {
        verdict_fail(v, REASON_STATUS, "status %d (wanted %s)", v->http_status, o->status);
        return;
    }
    if (!judge_body(f, v))
        return;
    v->status = VERDICT_OK;
    snprintf(v->detail, sizeof(v->detail), "status %d in %.1f ms", v->http_status,
             (double)v->total_ns / 1e6);
}
