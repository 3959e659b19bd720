/* Terminal escape sequences. */
#include "supervisor/core/ansi.h"

#include <string.h>

#define ESCAPE_MAX 32u /* a sequence longer than this is text */

/* Length of the sequence at p (p[0] is ESC), 0 if it is none, or n + 1 if it may go on behind n. */
static size_t escape_len(const char *p, size_t n)
{
    if (n == 1)
        return n + 1;
    if (p[1] != '[')
        return 0;
    for (size_t i = 2; i < n && i < ESCAPE_MAX; i++) {
        if (p[i] && strchr("HfABCDRsuJKhlpm", p[i]))
            return i + 1;
        if (p[i] == '\x1b' || p[i] == '\n')
            return 0;
    }
    return n < ESCAPE_MAX ? n + 1 : 0;
}

size_t ansi_strip(const char *in, size_t n, bool flush, struct str *out)
{
    size_t at = 0;
    while (at < n) {
        const char *esc = memchr(in + at, '\x1b', n - at);
        size_t plain = esc ? (size_t)(esc - in) - at : n - at;
        str_put(out, in + at, plain);
        at += plain;
        if (!esc)
            break;
        size_t len = escape_len(esc, n - at);
        if (len > n - at) {
            if (!flush)
                break;
            len = 0;
        }
        if (len == 0) {
            str_putc(out, '\x1b');
            len = 1;
        }
        at += len;
    }
    return at;
}
