/* Terminal escape sequences taken out of text, as strip_ansi=true wants it. Pure. */
#ifndef CORE_ANSI_H
#define CORE_ANSI_H

#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Copies in[0..n) without terminal escape sequences: ESC [ ... final letter. Returns the bytes
 * taken; what may be the beginning of a sequence stays unless flush is set. */
size_t ansi_strip(const char *in, size_t n, bool flush, struct str *out);

#endif
