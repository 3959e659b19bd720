/* type=http: its options, and what an answer means. */
#ifndef PROBES_JUDGE_KIND_HTTP_H
#define PROBES_JUDGE_KIND_HTTP_H

#include "probes/judge/probe.h"
#include "probes/judge/verdict.h"

enum { HTTP_PROBE_FOLLOW, HTTP_PROBE_STAY };   /* redirects= */
enum { HTTP_PROBE_FRESH, HTTP_PROBE_REUSE };   /* connection= */
enum { PROBE_IP_ANY, PROBE_IP_4, PROBE_IP_6 }; /* ip= */

struct http_opts {
    struct opt_set set;
    const char *url, *method;
    const char *headers, *headers_file, *body, *body_file;
    const char *status, *body_regex, *body_not_regex;
    uint8_t redirects, connection, ip;
    bool tls_verify;
    const char *tls_ca, *tls_cert, *tls_key, *tls_server_name;
    uint8_t tls_min; /* 0: 1.2, 1: 1.3 */
    const char *user, *password, *password_file, *bearer, *bearer_file;
    int64_t max_body;
    const char *proxy;
};

extern const struct kind probe_kind_http;

static inline const struct http_opts *http_opts(const struct item *it)
{
    return it->own;
}

enum match { MATCH_NO, MATCH_YES, MATCH_LIMIT, MATCH_UNASKED };

/* What the driver found out, beside what it has put into the verdict. */
struct http_facts {
    enum reason failed;          /* NONE: an answer was read */
    bool ours;                   /* it failed for a reason of our own */
    const char *text;            /* why it failed */
    const char *subreason;       /* "expired", or "" */
    enum match match, not_match; /* body_regex, body_not_regex */
    bool body_cut;
};

/* Sets status, reason and detail of a verdict whose numbers are filled in. */
void http_judge(const struct http_opts *o, const struct http_facts *f, struct verdict *v);

/* "200-299,401": true if it holds status. */
bool http_status_in(const char *ranges, int status);
/* 0, or -1 and what is wrong with it. */
int http_status_check(const char *ranges, struct err *e);

#endif
