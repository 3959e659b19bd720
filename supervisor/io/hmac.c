/* HMAC-SHA256. */
#include "supervisor/io/hmac.h"

#include <openssl/evp.h>

bool hmac_sha256(const void *key, size_t key_len, const struct hmac_part *parts, size_t n,
                 uint8_t out[HMAC_BYTES])
{
    size_t len = HMAC_BYTES;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, key, key_len);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = k && c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestSignUpdate(c, parts[i].p, parts[i].n) == 1;
    ok = ok && EVP_DigestSignFinal(c, out, &len) == 1 && len == HMAC_BYTES;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(k);
    return ok;
}
