/* What certificates say, as plain facts: the TLS port (supervisor/io/tls.h) fills them in, pure
 * judges read them. Times are Unix seconds; texts are UTF-8 without control characters and live as
 * long as the facts, in the arena they were made in. */
#ifndef CORE_X509_H
#define CORE_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum x509_key { X509_KEY_OTHER, X509_KEY_RSA, X509_KEY_DSA, X509_KEY_EC, X509_KEY_EDWARDS };

/* One certificate. */
struct x509_cert {
    const char *subject, *issuer;       /* "CN=api.example, O=Example"; "" if it has none */
    const char *subject_cn, *issuer_cn; /* the common name, else the whole name */
    const char *names;                  /* "api.example, 192.0.2.1": alternative names */
    const char *serial;                 /* upper case hex */
    const char *signature;              /* "sha256WithRSAEncryption" */
    int64_t not_before, not_after;      /* 0: unreadable */
    uint8_t fingerprint[32];            /* SHA-256 of the DER */
    enum x509_key key;
    int key_bits;
    bool self_signed; /* signed by its own key */
    bool weak_digest; /* signed over SHA-1, MD5 or older */
    bool issuer_near; /* says where its issuer's certificate is, or the issuer's own issuer is
                         trusted: a link is missing, not an authority */
    bool in_path;     /* of the path that was built from the leaf; the leaf always is */
};

/* What went wrong when a path was built and checked, from the port's library. */
enum x509_fault {
    X509_FAULT_OTHER,
    X509_FAULT_EXPIRED,
    X509_FAULT_NOT_YET,
    X509_FAULT_SELF_SIGNED,      /* the leaf itself, and it is not trusted */
    X509_FAULT_SELF_SIGNED_ROOT, /* the path ends in a root that is not trusted */
    X509_FAULT_NO_ISSUER,        /* the path ends before a root */
    X509_FAULT_SIGNATURE,        /* a signature is wrong */
    X509_FAULT_STRENGTH,         /* a key or a digest is refused as weak: the facts say which */
    X509_FAULT_REVOKED,
};

#define X509_FAULTS 16
struct x509_fault_at {
    enum x509_fault fault;
    int depth;        /* 0: the leaf */
    const char *text; /* the library's words; static */
};

enum x509_staple {
    X509_STAPLE_NONE,
    X509_STAPLE_GOOD,
    X509_STAPLE_REVOKED,
    X509_STAPLE_UNUSABLE, /* cannot be read, is about another certificate, or wrongly signed */
};

/* A peer's chain, checked. */
#define X509_SENT_MAX 16
struct x509_chain {
    struct x509_cert sent[X509_SENT_MAX]; /* as sent, the leaf first; see .n */
    size_t n;
    size_t left_out; /* sent beyond that */
    struct x509_fault_at faults[X509_FAULTS];
    size_t nfaults;
    int64_t path_not_after; /* the earliest end in the verified path; 0: none verified */
    bool host_checked, host_ok;
    const char *protocol, *cipher; /* "TLSv1.3" */
    enum x509_staple staple;
};

/* What a PEM or DER file held. */
#define X509_FILE_CERTS 256
struct x509_file {
    const struct x509_cert *certs; /* in the file's order, at most X509_FILE_CERTS */
    size_t left_out;               /* so many more are there */
    size_t n;
    size_t bad;        /* blocks that were no certificate */
    const char *error; /* why the first bad one was not; NULL: none */
    /* its private key, if it holds one */
    bool has_key, key_locked; /* locked: encrypted, so that it cannot be compared */
    bool key_matches;         /* belongs to the first certificate */
};

#endif
