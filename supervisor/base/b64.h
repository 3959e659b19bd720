/* Base64 (RFC 4648, the common alphabet). */
#ifndef BASE_B64_H
#define BASE_B64_H

#include "supervisor/base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Appends n bytes as base64, padded, in one line. */
void b64_put(struct str *out, const void *p, size_t n);
/* Decodes n characters, with or without their padding, to at most size bytes. Returns how many, or
 * -1 where that is no base64 or does not fit. */
int64_t b64_get(const char *text, size_t n, uint8_t *out, size_t size);

#endif
