/* PEM text, block by block. */
#include "supervisor/io/pem.h"

#include "supervisor/base/vec.h"
#include "supervisor/io/x509_facts.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <limits.h>
#include <string.h>

/* what one pass over a text collects */
struct pass {
    struct arena *a;
    struct x509_file *out;
    VEC(struct x509_cert) certs;
    X509 *first;
    EVP_PKEY *key;
};

struct block {
    char *name, *header;
    unsigned char *data;
    long n;
};

static void block_free(struct block *b)
{
    OPENSSL_free(b->name);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->data, b->data ? (size_t)b->n : 0); /* it may be a key */
    *b = (struct block){0};
}

static void bad_block(struct pass *p, const char *why)
{
    const char *reason = x509_last_error(why);
    if (!p->out->bad++)
        p->out->error = arena_strdup(p->a, reason);
}

static void take_cert(struct pass *p, const unsigned char *der, long n)
{
    X509 *x = d2i_X509(NULL, &der, n);
    if (!x) {
        bad_block(p, "it is no certificate");
        return;
    }
    if (p->certs.n < X509_FILE_CERTS) {
        struct x509_cert facts;
        x509_facts(x, p->a, &facts);
        VEC_PUSH(&p->certs, facts);
    } else {
        p->out->left_out++;
    }
    if (p->first)
        X509_free(x);
    else
        p->first = x;
}

static void take_key(struct pass *p, const struct block *b)
{
    const unsigned char *der = b->data;
    p->out->has_key = true;
    if (strncmp(b->name, "ENCRYPTED", 9) == 0 || strstr(b->header, "ENCRYPTED"))
        p->out->key_locked = true;
    else if (!p->key)
        p->key = d2i_AutoPrivateKey(NULL, &der, b->n);
    ERR_clear_error();
}

static bool is_cert(const char *name)
{
    return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0 ||
           strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
}

static bool is_key(const char *name)
{
    size_t n = strlen(name), m = strlen("PRIVATE KEY");
    return n >= m && strcmp(name + n - m, "PRIVATE KEY") == 0;
}

static bool at_end(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static void read_blocks(struct pass *p, BIO *in)
{
    struct block b = {0};
    for (;;) {
        ERR_clear_error();
        if (!PEM_read_bio(in, &b.name, &b.header, &b.data, &b.n)) {
            if (at_end())
                break;
            bad_block(p, "bad block");
            if (BIO_pending(in) <= 0)
                break;
            continue;
        }
        if (is_cert(b.name))
            take_cert(p, b.data, b.n);
        else if (is_key(b.name))
            take_key(p, &b);
        block_free(&b);
    }
    ERR_clear_error();
}

/* The blocks of a text; the caller ends it with pass_end. */
static void pass_run(struct pass *p, const char *text, size_t n)
{
    BIO *in = n <= INT_MAX ? BIO_new_mem_buf(text, (int)n) : NULL;
    if (in)
        read_blocks(p, in);
    BIO_free(in);
    /* DER has no first line; a SEQUENCE of more than 255 bytes begins so */
    if (!p->certs.n && n > 4 && n <= LONG_MAX && text[0] == 0x30 && (unsigned char)text[1] == 0x82)
        take_cert(p, (const unsigned char *)text, (long)n);
    ERR_clear_error();
}

static void pass_end(struct pass *p)
{
    X509_free(p->first);
    EVP_PKEY_free(p->key);
    VEC_FINI(&p->certs);
    ERR_clear_error();
}

int pem_read(const char *text, size_t n, struct arena *a, struct x509_file *out, struct err *e)
{
    struct pass p = {.a = a, .out = out, .certs = VEC_INIT};
    *out = (struct x509_file){0};
    pass_run(&p, text, n);
    out->n = p.certs.n;
    if (p.certs.n)
        out->certs = arena_memdup(a, p.certs.v, p.certs.n * sizeof(*p.certs.v));
    if (p.key && p.first)
        out->key_matches = X509_check_private_key(p.first, p.key) == 1;
    else if (out->has_key && !p.key)
        out->key_locked = true; /* of a kind that cannot be read: cannot be compared either */
    pass_end(&p);
    if (out->n)
        return 0;
    return out->error ? err_set(e, "there is no readable certificate in it: %s", out->error)
                      : err_set(e, "there is no certificate in it");
}

int pem_key_matches(const char *key, size_t nkey, const char *cert, size_t ncert, struct err *e)
{
    struct x509_file fk = {0}, fc = {0};
    struct arena *a = arena_new();
    struct pass pk = {.a = a, .out = &fk, .certs = VEC_INIT};
    struct pass pc = {.a = a, .out = &fc, .certs = VEC_INIT};
    int r;
    pass_run(&pk, key, nkey);
    pass_run(&pc, cert, ncert);
    if (!pk.key)
        r = fk.key_locked ? err_set(e, "the key is encrypted and cannot be compared")
                          : err_set(e, "there is no readable private key in it");
    else if (!pc.first)
        r = err_set(e, "there is no certificate to compare the key with");
    else
        r = X509_check_private_key(pc.first, pk.key) == 1;
    pass_end(&pk);
    pass_end(&pc);
    arena_free(&a);
    return r;
}
