/* Made-up certificates, and what the judge says of them. */
#ifndef CERT_FIX_H
#define CERT_FIX_H

#include "unit.h"

#include "probes/judge/cert.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1800000000)

static inline struct cert_opts opts(void)
{
    return (struct cert_opts){.address = {.text = "api:443", .host = "api", .port = 443},
                              .ca = "/ca.pem",
                              .stages = {{30 * DAY, 14 * DAY, 7 * DAY}}};
}

static inline struct x509_cert cert(const char *cn, const char *issuer)
{
    return (struct x509_cert){.subject = cn,
                              .issuer = issuer,
                              .subject_cn = cn,
                              .issuer_cn = issuer,
                              .names = "api",
                              .serial = "01",
                              .signature = "sha256WithRSAEncryption",
                              .not_before = NOW - 30 * DAY,
                              .not_after = NOW + 60 * DAY,
                              .key = X509_KEY_RSA,
                              .key_bits = 2048,
                              .in_path = true};
}

static inline struct x509_chain chain(void)
{
    struct x509_chain c = {.n = 2, .host_checked = true, .host_ok = true, .protocol = "TLSv1.3"};
    c.sent[0] = cert("api", "R11");
    c.sent[1] = cert("R11", "Root");
    c.path_not_after = c.sent[0].not_after;
    return c;
}

static inline struct verdict judge(const struct cert_opts *o, const struct x509_chain *c)
{
    struct verdict v;
    verdict_init(&v);
    cert_judge(o, &(struct cert_input){.chain = c, .peer = "api:443", .now = NOW}, &v);
    return v;
}

static inline void fault(struct x509_chain *c, enum x509_fault f, int depth, const char *text)
{
    c->faults[c->nfaults++] = (struct x509_fault_at){f, depth, text};
}

static inline void must_say(const struct verdict *v, const char *words)
{
    if (!strstr(v->detail, words))
        fail_msg("not in it: %s\n%s", words, v->detail);
}

#endif
