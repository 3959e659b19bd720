/* SHA-1. */
#include "supervisor/io/sha1.h"

#include <openssl/evp.h>

bool sha1_hex(const void *p, size_t n, char out[SHA1_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(p, n, raw, &len, EVP_sha1(), NULL) != 1 || len * 2 != SHA1_HEX)
        return false;
    for (unsigned i = 0; i < len; i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[SHA1_HEX] = '\0';
    return true;
}
