/* TLS handshakes: every verification error is noted, none ends the handshake. */
#include "supervisor/io/tls.h"

#include "supervisor/base/mem.h"
#include "supervisor/io/x509_facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

struct tls_trust {
    SSL_CTX *ctx;
    size_t owners;
};

struct tls_handshake {
    struct tls_request rq;
    SSL *ssl;
    struct arena *a;
    struct tls_result r;
    struct loop_io io;
    struct loop_defer defer;
    bool finished;
};

/* ---- trust ---- */

static size_t add_all(X509_STORE *store, BIO *in)
{
    size_t n = 0;
    X509 *x;
    while ((x = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL))) {
        n += X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    ERR_clear_error();
    return n;
}

static int client_asked(SSL *ssl, X509 **x, EVP_PKEY **k)
{
    struct tls_handshake *h = SSL_get_app_data(ssl);
    (void)x;
    (void)k;
    if (h)
        h->r.client_asked = true;
    return 0;
}

static int note_fault(int ok, X509_STORE_CTX *ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_handshake *h = ssl ? SSL_get_app_data(ssl) : NULL;
    struct x509_chain *c = h ? &h->r.chain : NULL;
    if (!ok && c && c->nfaults < X509_FAULTS) {
        int code = X509_STORE_CTX_get_error(ctx);
        c->faults[c->nfaults++] =
            (struct x509_fault_at){.fault = x509_fault_of(code),
                                   .depth = X509_STORE_CTX_get_error_depth(ctx),
                                   .text = X509_verify_cert_error_string(code)};
    }
    return 1;
}

/* A probe shall see the dates of a server that is behind the times, too: old protocols, small keys
 * and old digests are let through here and judged later. */
static void settings(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0");
    SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, note_fault);
    SSL_CTX_set_client_cert_cb(ctx, client_asked);
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
}

struct tls_trust *tls_trust_new(const char *pem, size_t n, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *in = n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    size_t got = ctx && in ? add_all(SSL_CTX_get_cert_store(ctx), in) : 0;
    BIO_free(in);
    if (!got) {
        SSL_CTX_free(ctx);
        err_set(e, "there is no certificate in it");
        return NULL;
    }
    settings(ctx);
    struct tls_trust *t = mem_alloc(sizeof(*t));
    *t = (struct tls_trust){.ctx = ctx, .owners = 1};
    return t;
}

struct tls_trust *tls_trust_hold(struct tls_trust *t)
{
    if (t)
        t->owners++;
    return t;
}

void tls_trust_free(struct tls_trust **t)
{
    struct tls_trust *old = *t;
    *t = NULL;
    if (!old || --old->owners)
        return;
    SSL_CTX_free(old->ctx);
    free(old);
}

/* ---- facts of a connection ---- */

static bool is_address(const char *name)
{
    unsigned char buf[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, buf) == 1 || inet_pton(AF_INET6, name, buf) == 1;
}

static void check_host(struct x509_chain *c, X509 *leaf, const char *host)
{
    const unsigned flags =
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    c->host_checked = true;
    c->host_ok = (is_address(host) ? X509_check_ip_asc(leaf, host, flags)
                                   : X509_check_host(leaf, host, 0, flags, NULL)) == 1;
    ERR_clear_error();
}

static X509 *issuer_in(STACK_OF(X509) * path, STACK_OF(X509) * sent)
{
    return sk_X509_num(path) > 1   ? sk_X509_value(path, 1)
           : sk_X509_num(sent) > 1 ? sk_X509_value(sent, 1)
                                   : NULL;
}

/* the status that an OCSP answer gives the leaf */
static enum x509_staple status_in(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer)
{
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);
    int status = -1, reason;
    ASN1_GENERALIZEDTIME *revoked, *from, *until;
    bool found = id && OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from, &until);
    OCSP_CERTID_free(id);
    if (!found || !OCSP_check_validity(from, until, 300, -1))
        return X509_STAPLE_UNUSABLE;
    return status == V_OCSP_CERTSTATUS_REVOKED ? X509_STAPLE_REVOKED
           : status == V_OCSP_CERTSTATUS_GOOD  ? X509_STAPLE_GOOD
                                               : X509_STAPLE_UNUSABLE;
}

static enum x509_staple staple_of(SSL *ssl, STACK_OF(X509) * path, STACK_OF(X509) * sent)
{
    const unsigned char *der = NULL;
    long n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
    if (!der || n <= 0)
        return X509_STAPLE_NONE;
    enum x509_staple got = X509_STAPLE_UNUSABLE;
    X509 *issuer = issuer_in(path, sent);
    OCSP_RESPONSE *answer = d2i_OCSP_RESPONSE(NULL, &der, n);
    OCSP_BASICRESP *basic = answer ? OCSP_response_get1_basic(answer) : NULL;
    if (basic && issuer &&
        OCSP_basic_verify(basic, path, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), 0) == 1)
        got = status_in(basic, sk_X509_value(sent, 0), issuer);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(answer);
    ERR_clear_error();
    return got;
}

/* Whoever is the last of the path and has no issuer: is the issuer only left out? */
static void look_near(SSL *ssl, STACK_OF(X509) * sent, STACK_OF(X509) * path, struct x509_chain *c)
{
    X509 *last = sk_X509_num(path) > 0 ? sk_X509_value(path, sk_X509_num(path) - 1) : NULL;
    bool open = false;
    for (size_t i = 0; i < c->nfaults; i++)
        open = open || c->faults[i].fault == X509_FAULT_NO_ISSUER;
    for (size_t i = 0; open && last && i < c->n; i++) {
        if (X509_cmp(sk_X509_value(sent, (int)i), last) == 0)
            c->sent[i].issuer_near =
                x509_issuer_near(last, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)));
    }
}

static void connection_facts(SSL *ssl, struct arena *a, struct x509_chain *c)
{
    STACK_OF(X509) *sent = ssl ? SSL_get_peer_cert_chain(ssl) : NULL;
    if (sk_X509_num(sent) <= 0)
        return;
    STACK_OF(X509) *path = SSL_get0_verified_chain(ssl);
    x509_chain_facts(sent, path, a, c);
    look_near(ssl, sent, path, c);
    c->protocol = arena_strdup(a, SSL_get_version(ssl));
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    c->cipher = arena_strdup(a, cipher ? SSL_CIPHER_standard_name(cipher) : "");
    c->staple = staple_of(ssl, path, sent);
}

void tls_facts_of(void *ssl, struct arena *a, struct x509_chain *out)
{
    *out = (struct x509_chain){0};
    long code = SSL_get_verify_result(ssl);
    if (code != X509_V_OK)
        out->faults[out->nfaults++] = (struct x509_fault_at){
            .fault = x509_fault_of((int)code), .text = X509_verify_cert_error_string(code)};
    connection_facts(ssl, a, out);
}

/* ---- the handshake ---- */

static void answer(struct tls_handshake *h)
{
    h->finished = true;
    loop_io_set(&h->io, h->rq.fd, 0);
    connection_facts(h->ssl, h->a, &h->r.chain);
    if (h->r.chain.n && h->rq.host)
        check_host(&h->r.chain, sk_X509_value(SSL_get_peer_cert_chain(h->ssl), 0), h->rq.host);
    h->rq.done(h->rq.obj, &h->r);
}

static const char *failure(struct tls_handshake *h, int what, int saved)
{
    unsigned long code = ERR_peek_error();
    if (what == SSL_ERROR_ZERO_RETURN || (what == SSL_ERROR_SYSCALL && !code && !saved) ||
        ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return "the connection was closed during the TLS handshake";
    if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
        return "the answer is not TLS: the port speaks something else, or needs starttls=";
    if (what == SSL_ERROR_SYSCALL && !code)
        return arena_printf(h->a, "TLS handshake: %s", strerrordesc_np(saved));
    const char *reason = ERR_reason_error_string(code);
    return arena_printf(h->a, "TLS handshake: %s", reason ? reason : "failed");
}

static void go_on(struct tls_handshake *h)
{
    ERR_clear_error();
    errno = 0;
    int r = SSL_do_handshake(h->ssl), saved = errno;
    int what = SSL_get_error(h->ssl, r);
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) {
        int events = what == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE;
        if (loop_io_set(&h->io, h->rq.fd, events) == 0)
            return;
        saved = errno;
    }
    h->r.ok = r == 1;
    h->r.error = r == 1 ? NULL : failure(h, what, saved);
    ERR_clear_error();
    loop_io_set(&h->io, h->rq.fd, 0);
    loop_defer(h->rq.loop, &h->defer);
}

/* deferred: the first step, and the answer */
static void deferred(struct tls_handshake *h)
{
    if (h->r.ok || h->r.error)
        answer(h);
    else
        go_on(h);
}

struct tls_handshake *tls_start(const struct tls_request *rq)
{
    struct tls_handshake *h = mem_alloc(sizeof(*h));
    *h = (struct tls_handshake){.rq = *rq, .a = arena_new()};
    LOOP_IO(&h->io, rq->loop, go_on, h);
    LOOP_DEFER(&h->defer, deferred, h);
    h->ssl = SSL_new(rq->trust->ctx);
    if (!h->ssl || !SSL_set_fd(h->ssl, rq->fd) ||
        (rq->server_name && !is_address(rq->server_name) &&
         !SSL_set_tlsext_host_name(h->ssl, rq->server_name))) {
        h->r.error = x509_last_error("TLS cannot be set up");
    } else {
        SSL_set_app_data(h->ssl, h);
        SSL_set_connect_state(h->ssl);
    }
    loop_defer(rq->loop, &h->defer);
    return h;
}

void tls_end(struct tls_handshake **hp)
{
    struct tls_handshake *h = *hp;
    if (!h)
        return;
    *hp = NULL;
    loop_defer_cancel(h->rq.loop, &h->defer);
    loop_io_set(&h->io, h->rq.fd, 0);
    SSL_free(h->ssl);
    arena_free(&h->a);
    free(h);
}
