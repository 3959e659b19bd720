/* SHA-1, for passwords that a configuration gives as one. */
#ifndef IO_SHA1_H
#define IO_SHA1_H

#include <stdbool.h>
#include <stddef.h>

#define SHA1_HEX 40u

/* The digest of n bytes in lower case hex, and a NUL; false where the library does not allow it. */
bool sha1_hex(const void *p, size_t n, char out[SHA1_HEX + 1]);

#endif
