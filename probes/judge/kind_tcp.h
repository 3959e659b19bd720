/* type=tcp: its options, and what an exchange means. */
#ifndef PROBES_JUDGE_KIND_TCP_H
#define PROBES_JUDGE_KIND_TCP_H

#include "probes/judge/probe.h"
#include "probes/judge/verdict.h"
#include "supervisor/base/str.h"

struct tcp_opts {
    struct opt_set set;
    const char *address, *host; /* address: "host:port", read into host and port by the check */
    int64_t port;
    const char *socket;
    const char *send, *expect, *expect_regex;
    uint8_t ip; /* as for type=http */
};

extern const struct kind probe_kind_tcp;

static inline const struct tcp_opts *tcp_opts(const struct item *it)
{
    return it->own;
}

struct tcp_facts {
    enum reason failed;
    bool ours, not_found; /* not_found: the answer is not what was expected */
    const char *text;
    const char *got; /* what was read; not NUL-terminated */
    size_t got_len;
};

/* Sets status, reason and detail of a verdict whose numbers are filled in. */
void tcp_judge(const struct tcp_opts *o, const struct tcp_facts *f, struct verdict *v);

/* Undoes \r \n \t \0 \\ and \xNN; the bytes may hold NULs. 0, or -1 and the reason. */
int tcp_unescape(const char *text, struct str *out, struct err *e);

#endif
