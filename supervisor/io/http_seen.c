/* What a server's certificate says, noted while the library verifies it, so that the facts are
 * known also when it is not accepted. */
#include "supervisor/io/http_impl.h"

#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"
#include "supervisor/io/x509_facts.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tls_seen *tls_seen_new(void)
{
    struct tls_seen *s = mem_zalloc(sizeof(*s));
    s->refs = 1;
    return s;
}

void tls_seen_drop(struct tls_seen **sp)
{
    if (*sp && --(*sp)->refs == 0)
        free(*sp);
    *sp = NULL;
}

static int64_t seconds(const ASN1_TIME *t)
{
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static int64_t earliest(const STACK_OF(X509) * chain, int64_t least)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end = seconds(X509_get0_notAfter(sk_X509_value(chain, i)));
        least = end < least ? end : least;
    }
    return least;
}

static void put(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
    out[text_utf8_valid(out, strlen(out))] = '\0';
}

static void take_names(struct http_cert *out, X509 *leaf)
{
    struct arena *a = arena_new();
    struct x509_cert facts;
    x509_facts(leaf, a, &facts);
    put(out->subject, sizeof(out->subject), facts.subject);
    put(out->issuer, sizeof(out->issuer), facts.issuer);
    put(out->names, sizeof(out->names), facts.names);
    put(out->serial, sizeof(out->serial), facts.serial);
    arena_free(&a);
}

/* Before TLS 1.3 the cipher is still to be taken into use when the certificate comes. */
static void take_protocol(struct http_cert *out, X509_STORE_CTX *x)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    const SSL_CIPHER *c = ssl ? SSL_get_pending_cipher(ssl) : NULL;
    c = !c && ssl ? SSL_get_current_cipher(ssl) : c;
    put(out->protocol, sizeof(out->protocol), ssl ? SSL_get_version(ssl) : NULL);
    put(out->cipher, sizeof(out->cipher), c ? SSL_CIPHER_standard_name(c) : NULL);
}

static void take_cert(struct tls_seen *s, X509_STORE_CTX *x)
{
    X509 *leaf = X509_STORE_CTX_get0_cert(x);
    struct http_cert *c = &s->cert;
    if (!leaf || c->seen)
        return;
    c->seen = true;
    c->not_before = seconds(X509_get0_notBefore(leaf));
    c->not_after = seconds(X509_get0_notAfter(leaf));
    c->earliest_not_after = earliest(X509_STORE_CTX_get0_untrusted(x), c->not_after);
    X509_digest(leaf, EVP_sha256(), c->fingerprint, NULL);
    take_names(c, leaf);
    take_protocol(c, x);
}

static struct tls_seen *seen_of(X509_STORE_CTX *x)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    return ssl ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;
}

/* OpenSSL's callback for each certificate; does not change the outcome. */
static int on_verify(int ok, X509_STORE_CTX *x)
{
    struct tls_seen *s = seen_of(x);
    if (!s)
        return ok;
    take_cert(s, x);
    if (!ok && !s->error)
        s->error = X509_STORE_CTX_get_error(x);
    if (ok && !s->error && X509_STORE_CTX_get_error_depth(x) == 0)
        s->cert.chain_not_after = earliest(X509_STORE_CTX_get0_chain(x), s->cert.not_after);
    return ok;
}

static void on_ctx_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
                        void *argp)
{
    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    struct tls_seen *s = ptr;
    tls_seen_drop(&s);
}

/* ---- authorities ---- */

/* NULL if there is no certificate in it. */
static void *make_authorities(const char *text, size_t n)
{
    X509_STORE *store = X509_STORE_new();
    BIO *in = BIO_new_mem_buf(text, (int)n);
    size_t got = 0;
    X509 *x;
    while (store && in && (x = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL))) {
        got += X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    BIO_free(in);
    ERR_clear_error();
    if (got) /* as the library has it */
        X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    else
        X509_STORE_free(store);
    return got ? store : NULL;
}

static void free_authorities(void *made)
{
    X509_STORE_free(made);
}

const struct memfile_maker tls_authorities = {make_authorities, free_authorities};

/* ---- what it sees ---- */

/* SSL_CTX has no way to free its app data; a slot of our own that holds the same has. */
static int owner_slot(void)
{
    static int slot = -1;
    if (slot < 0)
        slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_ctx_free);
    return slot;
}

CURLcode tls_seen_watch(CURL *easy, void *ssl_ctx, void *seen)
{
    (void)easy;
    SSL_CTX *ctx = ssl_ctx;
    struct tls_seen *s = seen;
    int slot = owner_slot();
    if (s->authorities)
        SSL_CTX_set1_cert_store(ctx, s->authorities);
    if (slot < 0 || SSL_CTX_get_ex_data(ctx, slot) || !SSL_CTX_set_ex_data(ctx, slot, s))
        return CURLE_OK;
    s->refs++;
    SSL_CTX_set_app_data(ctx, s);
    SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), on_verify);
    return CURLE_OK;
}

enum http_verify tls_seen_verify(const struct tls_seen *s)
{
    switch (s->error) {
    case X509_V_OK:
        return HTTP_VERIFY_HOSTNAME; /* the path is fine, so it was the name */
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return HTTP_VERIFY_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return HTTP_VERIFY_NOT_YET;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return HTTP_VERIFY_HOSTNAME;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return HTTP_VERIFY_SELF_SIGNED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return HTTP_VERIFY_UNKNOWN_ISSUER;
    default:
        return HTTP_VERIFY_OTHER;
    }
}

const char *tls_seen_text(const struct tls_seen *s)
{
    return X509_verify_cert_error_string(s->error);
}
