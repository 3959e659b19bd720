/* Any bytes as a PEM (or DER) file: the facts hold together, and reading them twice is the same. */
#include "supervisor/io/pem.h"

#include "supervisor/base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void text_is_clean(const char *s)
{
    must(s && text_utf8_valid(s, strlen(s)) == strlen(s));
    for (; *s; s++)
        must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void cert_is_sound(const struct x509_cert *c)
{
    text_is_clean(c->subject);
    text_is_clean(c->issuer);
    text_is_clean(c->subject_cn);
    text_is_clean(c->issuer_cn);
    text_is_clean(c->names);
    text_is_clean(c->serial);
    text_is_clean(c->signature);
    must(c->key_bits >= 0);
    /* the years 0 to 9999 */
    must(c->not_after >= INT64_C(-62167219200) && c->not_after <= INT64_C(253402300799));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x509_file f, again;
    struct err e;
    struct arena *a = arena_new();
    int r = pem_read((const char *)data, size, a, &f, &e);
    must((r == 0) == (f.n > 0) && f.n <= X509_FILE_CERTS);
    must((f.bad > 0) == (f.error != NULL));
    must(!f.key_matches || (f.has_key && f.n > 0));
    for (size_t i = 0; i < f.n; i++)
        cert_is_sound(&f.certs[i]);
    must(pem_read((const char *)data, size, a, &again, &e) == r && again.n == f.n &&
         again.bad == f.bad);
    if (f.has_key && !f.key_locked && f.n)
        must(pem_key_matches((const char *)data, size, (const char *)data, size, &e) ==
             f.key_matches);
    arena_free(&a);
    return 0;
}
