/* HMAC-SHA256 (OpenSSL behind it). */
#ifndef IO_HMAC_H
#define IO_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HMAC_BYTES 32

/* A piece of what is authenticated. */
struct hmac_part {
    const void *p;
    size_t n;
};

/* The code over n parts, one behind the other. False where the library has no memory or forbids the
 * algorithm. */
bool hmac_sha256(const void *key, size_t key_len, const struct hmac_part *parts, size_t n,
                 uint8_t out[HMAC_BYTES]);

#endif
