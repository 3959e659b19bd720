/* What one attempt of a probe found out: facts, a status, and a reason from a closed list. */
#ifndef PROBES_JUDGE_VERDICT_H
#define PROBES_JUDGE_VERDICT_H

#include "supervisor/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICT_REASONS(X)                                                                         \
    X(NONE, "none")                                                                                \
    X(DNS, "dns")                                                                                  \
    X(CONNECT_REFUSED, "connect_refused")                                                          \
    X(CONNECT_TIMEOUT, "connect_timeout")                                                          \
    X(TLS_HANDSHAKE, "tls_handshake")                                                              \
    X(TLS_VERIFY, "tls_verify")                                                                    \
    X(READ_TIMEOUT, "read_timeout")                                                                \
    X(CLOSED, "closed")                                                                            \
    X(STATUS, "status")                                                                            \
    X(BODY, "body")                                                                                \
    X(HEADER, "header")                                                                            \
    X(SIZE, "size")                                                                                \
    X(SQL, "sql")                                                                                  \
    X(EXEC_EXIT, "exec_exit")                                                                      \
    X(EXEC_SIGNAL, "exec_signal")                                                                  \
    X(EXEC_TIMEOUT, "exec_timeout")                                                                \
    X(INTERNAL, "internal")

enum reason {
#define VERDICT_ENUM(name, text) REASON_##name,
    VERDICT_REASONS(VERDICT_ENUM)
#undef VERDICT_ENUM
        REASONS
};
/* "connect_refused" */
const char *reason_text(enum reason r);

/* UNKNOWN: the attempt says nothing about the target (it was cut short by a freeze, or could not be
 * made for a reason of our own). */
enum verdict_status { VERDICT_OK, VERDICT_FAIL, VERDICT_UNKNOWN };

/* The phases of an attempt, with blackbox_exporter's names for them. */
enum phase { PHASE_RESOLVE, PHASE_CONNECT, PHASE_TLS, PHASE_PROCESSING, PHASE_TRANSFER, PHASES };

/* X.509, of the certificate that was presented or read; times are Unix seconds. Of several files
 * the worst one's is told. */
struct cert_facts {
    bool seen;
    int64_t not_before, not_after; /* of the leaf */
    int64_t earliest_not_after;    /* of all that were presented */
    int64_t chain_not_after;       /* of the best verified chain; 0: none verified */
    uint32_t errors;               /* bits, see cert.h */
    uint8_t fingerprint[32];       /* SHA-256 of the leaf */
    char subject[128];
    char issuer[128], names[256], serial[48]; /* of the leaf */
    char protocol[16], cipher[48];            /* "TLSv1.3"; "" without a connection */
    /* Its way to the end, see cert_stage_of: 0 far from it, 1 to 3, 4 ended. The certificate that
     * decides may be an intermediate one. */
    uint8_t stage;
    uint8_t stage_fingerprint[32];
    int64_t stage_not_before, stage_not_after; /* of that one */
    int64_t stage_since;                       /* when this stage began; 0 in stage 0 */
    int64_t next_stage;                        /* when the next one begins; 0: there is none */
};

/* One certificate that clients or servers look at: of a path that was built, or in a file. */
struct cert_seen {
    uint8_t fingerprint[32];       /* SHA-256 */
    int64_t not_before, not_after; /* Unix seconds */
    const char *subject;           /* the common name, else the whole name */
    const char *where;             /* "host:port", or a path; NULL: where the probe looks */
};

#define VERDICT_DETAIL 512
struct verdict {
    enum verdict_status status;
    enum reason reason;
    char subreason[32];          /* behind TLS_VERIFY: "expired", "hostname"; else "" */
    char detail[VERDICT_DETAIL]; /* a sentence for people, UTF-8 */
    int64_t phase_ns[PHASES];    /* -1: not reached */
    int64_t total_ns;
    /* what kinds may add; 0 or -1 where it is not known */
    int32_t http_status, http_version_milli /* 1100, 2000 */, redirects, ip_protocol /* 4, 6 */;
    uint32_t ip_hash;      /* of the address without its port */
    int64_t last_modified; /* Unix seconds, of the answer */
    int64_t body_bytes, content_length /* -1 */;
    bool tls, regex_failed;
    bool has_value;
    double value; /* of a query */
    struct cert_facts cert;
    /* All certificates that were seen, of kinds that tell more of them than the one of `cert`;
     * valid during the call that hands the verdict over, and not kept. */
    const struct cert_seen *certs;
    size_t ncerts;
    bool certs_partial; /* there may be more, which could not be looked at */
};

/* The reason's word where the detail does not begin with it anyway, else "": "status 503 (wanted
 * 200-299)" needs no "status: " before it. */
const char *verdict_word(const struct verdict *v);

/* An empty one: UNKNOWN, phases not reached. */
void verdict_init(struct verdict *v);
/* Sets FAIL with its reason and a formatted detail, cut to whole UTF-8 characters. */
void verdict_fail(struct verdict *v, enum reason r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
