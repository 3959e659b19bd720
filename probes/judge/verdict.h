/* What one attempt of a probe found out: facts, a status, and a reason from a closed list. */
#ifndef PROBES_JUDGE_VERDICT_H
#define PROBES_JUDGE_VERDICT_H

#include "supervisor/base/mono.h"

#include <stdbool.h>
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

/* X.509, of the certificate that was presented or read; times are Unix seconds. */
struct cert_facts {
    bool seen;
    int64_t not_before, not_after; /* of the leaf */
    int64_t earliest_not_after;    /* of all that were presented */
    int64_t chain_not_after;       /* of the best verified chain; 0: none verified */
    uint32_t errors;               /* bits, see cert.h */
    uint8_t fingerprint[32];       /* SHA-256 of the leaf */
    char subject[128];
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
    int64_t body_bytes, content_length /* -1 */;
    bool tls, regex_failed;
    bool has_value;
    double value; /* of a query */
    struct cert_facts cert;
};

/* An empty one: UNKNOWN, phases not reached. */
void verdict_init(struct verdict *v);
/* Sets FAIL with its reason and a formatted detail, cut to whole UTF-8 characters. */
void verdict_fail(struct verdict *v, enum reason r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
