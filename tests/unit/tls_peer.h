/* A server with a certificate of its own, on loopback. */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include "tests/unit/peers.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

struct tls_peer {
    SSL_CTX *ctx;
    unsigned number;
    char ca[64];
};

/* A certificate of that many days for that subjectAltName; in t->ca with its key. */
static inline void make_cert(struct tls_peer *t, int days, const char *san)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_set_version(x, 2);
    X509_gmtime_adj(X509_getm_notBefore(x), -86400L * 30);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days);
    X509_NAME *n = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0);
    X509_set_issuer_name(x, n);
    X509_set_pubkey(x, key);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    t->ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(t->ctx, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(t->ctx, key), 1);
    snprintf(t->ca, sizeof(t->ca), "/tmp/test_http_out.%d.%u.pem", (int)getpid(), t->number);
    FILE *f = fopen(t->ca, "w");
    assert_non_null(f);
    PEM_write_X509(f, x);
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL); /* so it is a client's file, too */
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* For peer_start, with peer.arg = t: takes one request and answers "hello". */
static inline bool serve_tls(struct peer *p, int fd, const char *req)
{
    (void)req;
    struct tls_peer *t = p->arg;
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    char buf[2048];
    SSL *ssl = SSL_new(t->ctx);
    SSL_set_fd(ssl, fd);
    SSL_set_num_tickets(ssl, 0);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, buf, sizeof(buf)) > 0)
        SSL_write(ssl, answer, sizeof(answer) - 1);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    return false;
}

#endif
