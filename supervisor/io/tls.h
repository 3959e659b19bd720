/* TLS handshakes for their certificates (OpenSSL behind it): what the peer presents is always told,
 * also when nothing about it is right; whether it is right is the judge's business. */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"
#include "supervisor/core/x509.h"
#include "supervisor/io/loop.h"

/* A set of trusted authorities with the settings of a client. Reading one takes milliseconds (20 ms
 * for Debian's 140), so that all handshakes share it. */
struct tls_trust;
/* From n bytes of PEM. NULL and the reason if there is no certificate in it. */
struct tls_trust *tls_trust_new(const char *pem, size_t n, struct err *e);
/* One more owner, who frees it, too: for attempts that outlast its place in a cache. */
struct tls_trust *tls_trust_hold(struct tls_trust *t);
/* The last owner's frees it. */
void tls_trust_free(struct tls_trust **t);

struct tls_result {
    bool ok;                 /* the handshake was finished */
    const char *error;       /* why it was not */
    bool client_asked;       /* the peer wants a certificate of ours; it may refuse us for that */
    struct x509_chain chain; /* n == 0: none was presented */
};
/* Called once, at the end of a turn; r and its texts are valid during the call. */
typedef void tls_done_fn(void *obj, const struct tls_result *r);

struct tls_request {
    struct loop *loop;
    struct tls_trust *trust; /* may be freed once the handshake has begun */
    int fd;                  /* connected, non-blocking; stays the caller's and stays open */
    const char *server_name; /* SNI; NULL or an address: none is sent */
    const char *host;        /* the name or address to look for; NULL: not checked */
    tls_done_fn *done;
    void *obj;
};

struct tls_handshake;
/* Begins; has no timer of its own. Never NULL. */
struct tls_handshake *tls_start(const struct tls_request *rq);
/* Ends it without an answer, or frees it after one; also from inside done. */
void tls_end(struct tls_handshake **h);

/* The facts of a connection that another library made: ssl is its SSL *. What only the verification
 * knows (faults, path) is taken from its result. */
void tls_facts_of(void *ssl, struct arena *a, struct x509_chain *out);

#endif
