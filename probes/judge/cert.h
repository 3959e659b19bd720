/* Certificates judged: what is wrong, how near the end is, and a sentence for people. Pure; the
 * facts come from the TLS port and from files. */
#ifndef PROBES_JUDGE_CERT_H
#define PROBES_JUDGE_CERT_H

#include "probes/judge/verdict.h"
#include "supervisor/base/arena.h"
#include "supervisor/conf/family.h"
#include "supervisor/core/x509.h"

/* What can be wrong, the worst first: the first one found names the verdict (subreason). Bit n of
 * cert_facts.errors is the nth. */
#define CERT_ERRORS(X)                                                                             \
    X(EXPIRED, "expired")                                                                          \
    X(NOT_YET_VALID, "not_yet_valid")                                                              \
    X(REVOKED, "revoked")                                                                          \
    X(HOSTNAME, "hostname_mismatch")                                                               \
    X(SELF_SIGNED, "self_signed")                                                                  \
    X(UNKNOWN_ISSUER, "unknown_issuer")                                                            \
    X(INCOMPLETE_CHAIN, "incomplete_chain")                                                        \
    X(INVALID, "invalid") /* another fault of the path; the detail has the library's words */      \
    X(KEY_MISMATCH, "key_mismatch")                                                                \
    X(SERVED_NE_FILE, "served_ne_file")                                                            \
    X(WEAK_KEY, "weak_key")                                                                        \
    X(WEAK_SIG, "weak_sig")                                                                        \
    X(UNREADABLE, "unreadable")

enum cert_error {
#define CERT_ENUM(name, text) CERT_##name,
    CERT_ERRORS(CERT_ENUM)
#undef CERT_ENUM
        CERT_NERRORS
};
/* "expired" */
const char *cert_error_text(enum cert_error e);
/* By that word, or -1. */
int cert_error_of(const char *word);

/* ---- stages ---- */

/* A stage begins at a time before the end: seconds, the longest first. With fewer than three the
 * last are there: `stages=7d` is stage 3 alone. */
#define CERT_STAGES 3
enum { CERT_STAGE_ENDED = CERT_STAGES + 1 };
struct cert_stages {
    int64_t before[CERT_STAGES]; /* [stage - 1]; 0: that stage is not used */
};

/* How long before its end a certificate that lives so long enters a stage (1..3), in seconds: what
 * the configuration says, but at most a third (a sixth, a twelfth) of its life, less a day of grace
 * (half of it where that is less than two days). A renewal that comes when two thirds of the life
 * are over, as ACME clients do it, so has a day before anybody hears of it, whether certificates
 * live 398, 90, 45 or 6 days. 0: the stage is not used. */
int64_t cert_stage_before(const struct cert_stages *s, unsigned stage, int64_t lifetime);
/* The stage at a time (Unix seconds), when it began, and when the next one begins. */
struct cert_stage {
    unsigned stage;      /* 0..CERT_STAGE_ENDED */
    int64_t since, next; /* 0: none */
};
struct cert_stage cert_stage_of(const struct cert_stages *s, int64_t not_before, int64_t not_after,
                                int64_t now);

/* ---- options ---- */

enum cert_starttls {
    STARTTLS_NONE,
    STARTTLS_SMTP,
    STARTTLS_IMAP,
    STARTTLS_POP3,
    STARTTLS_FTP,
    STARTTLS_POSTGRES,
};

struct cert_opts {
    struct opt_set set;
    struct addr_val address; /* the host without brackets, once checked */
    const char *server_name; /* as given; NULL: the host of address */
    uint8_t starttls;        /* enum cert_starttls */
    struct str_list files;
    const char *ca;
    struct str_list stages_text;
    const char *served_file, *key_file;
    struct str_list allow_text;
    /* what the check makes of the texts */
    struct cert_stages stages;
    uint32_t allowed; /* bits of errors that do not fail the probe */
};

/* The name that the certificate must be for, and that is sent as SNI. */
const char *cert_host(const struct cert_opts *o);

/* ---- the judge ---- */

/* A file, read or not. */
struct cert_file {
    const char *path;
    const char *error; /* why it cannot be used; NULL: it could be read */
    bool denied;       /* because the agent's user may not */
    struct x509_file pem;
};

enum cert_key { CERT_KEY_NONE, CERT_KEY_FITS, CERT_KEY_DIFFERS, CERT_KEY_UNKNOWN };

struct cert_input {
    const struct x509_chain *chain; /* NULL: no peer was asked */
    const char *peer;               /* "api.example:443" */
    const struct cert_file *files;  /* of files= */
    size_t nfiles;
    const struct cert_file *served; /* of check_served_file=; NULL: not given */
    enum cert_key key;              /* key_file= against the first file, or the served one */
    const char *key_error;          /* why it is unknown */
    int64_t now;                    /* Unix seconds */
    struct arena *a;                /* for the verdict's list of certificates; NULL: none is made */
};

/* Sets v's status, reason (tls_verify), subreason, detail, cert and certs. A certificate that ends
 * in the future never fails the probe; its stage is told. */
void cert_judge(const struct cert_opts *o, const struct cert_input *in, struct verdict *v);

#endif
