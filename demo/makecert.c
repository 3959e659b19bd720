/* `makecert FOLDER`: an authority of the demo's own (ca.pem) and a certificate that it signed 80 of
 * its 90 days ago (site.pem). No key is kept: nobody is to serve with it. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>

#define DAY 86400L

struct subject {
    const char *name;
    long number, from_days, to_days;                /* from now; see make() */
    const char *constraints, *usage, *alternatives; /* NULL: none */
};

static const struct subject authority = {.name = "The demo's authority",
                                         .number = 1,
                                         .from_days = -1000,
                                         .to_days = 1000,
                                         .constraints = "critical,CA:TRUE",
                                         .usage = "critical,keyCertSign,cRLSign"};
static const struct subject site = {.name = "shop.example",
                                    .number = 2,
                                    .from_days = -80,
                                    .to_days = 10,
                                    .constraints = "critical,CA:FALSE",
                                    .usage = "critical,digitalSignature",
                                    .alternatives = "DNS:shop.example"};

static bool put_name(X509_NAME *name, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

static bool put_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    if (!value)
        return true;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = x && X509_add_ext(cert, x, -1) == 1;
    X509_EXTENSION_free(x);
    return ok;
}

/* NULL when OpenSSL refuses; issuer NULL: it signs itself. An hour more than its days: with 10 days
 * to the second, 9 would be left when it is looked at. */
static X509 *make(const struct subject *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    if (!cert)
        return NULL;
    X509 *by = issuer ? issuer : cert;
    bool ok = X509_set_version(cert, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set(X509_get_serialNumber(cert), s->number) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(cert), s->from_days * DAY) &&
              X509_gmtime_adj(X509_getm_notAfter(cert), s->to_days * DAY + 3600) &&
              put_name(X509_get_subject_name(cert), s->name) &&
              X509_set_issuer_name(cert, X509_get_subject_name(by)) == 1 &&
              X509_set_pubkey(cert, key) == 1 &&
              put_extension(cert, by, NID_basic_constraints, s->constraints) &&
              put_extension(cert, by, NID_key_usage, s->usage) &&
              put_extension(cert, by, NID_subject_alt_name, s->alternatives) &&
              X509_sign(cert, issuer_key, EVP_sha256()) > 0;
    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

static bool save(const char *folder, const char *name, X509 *cert)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = cert ? fopen(path, "w") : NULL;
    bool ok = f && PEM_write_X509(f, cert) == 1;
    return (!f || fclose(f) == 0) && ok;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: makecert FOLDER\n");
        return 2;
    }
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = ca_key ? make(&authority, ca_key, NULL, ca_key) : NULL;
    X509 *cert = ca && key ? make(&site, key, ca, ca_key) : NULL;
    bool ok = save(argv[1], "ca.pem", ca) && save(argv[1], "site.pem", cert);
    if (!ok) {
        fprintf(stderr, "makecert: cannot make certificates in %s\n", argv[1]);
        ERR_print_errors_fp(stderr);
    }
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return ok ? 0 : 1;
}
