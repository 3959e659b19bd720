/* Base64. */
#include "supervisor/base/b64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void b64_put(struct str *out, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (; n >= 3; n -= 3, b += 3) {
        uint32_t v = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
        char four[] = {digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63], digits[v & 63]};
        str_put(out, four, 4);
    }
    if (n) {
        uint32_t v = (uint32_t)b[0] << 16 | (n == 2 ? (uint32_t)b[1] << 8 : 0);
        char four[] = {digits[v >> 18], digits[v >> 12 & 63], n == 2 ? digits[v >> 6 & 63] : '=',
                       '='};
        str_put(out, four, 4);
    }
}

int64_t b64_get(const char *text, size_t n, uint8_t *out, size_t size)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len = 0;
    if (n && n % 4 == 0 && text[n - 1] == '=')
        n -= text[n - 2] == '=' ? 2 : 1;
    if (n % 4 == 1)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const char *d = text[i] ? strchr(digits, text[i]) : NULL;
        if (!d)
            return -1;
        bits = bits << 6 | (uint32_t)(d - digits);
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (len == size)
            return -1;
        out[len++] = (uint8_t)(bits >> have);
    }
    return (int64_t)len;
}
