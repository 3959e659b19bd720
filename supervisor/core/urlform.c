/* %XX, and the fields of forms. */
#include "supervisor/core/urlform.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that is coded at p, or 0: none is, or NUL. */
static unsigned char coded(const char *p, size_t n)
{
    int high = n > 2 && p[0] == '%' ? hex(p[1]) : -1;
    int low = high >= 0 ? hex(p[2]) : -1;
    return (unsigned char)(low >= 0 ? high << 4 | low : 0);
}

size_t url_decode(char *text)
{
    size_t n = strlen(text), to = 0;
    for (size_t i = 0; i < n; to++) {
        unsigned char c = coded(text + i, n - i);
        text[to] = c ? (char)c : text[i];
        i += c ? 3 : 1;
    }
    text[to] = '\0';
    return to;
}

static void decode_field(const char *p, size_t n, struct str *out)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = coded(p + i, n - i);
        str_putc(out, c ? (char)c : p[i] == '+' ? ' ' : p[i]);
        i += c ? 3 : 1;
    }
}

bool urlform_get(const char *form, size_t n, const char *name, struct str *out)
{
    struct str key = STR_INIT;
    bool found = false;
    for (size_t at = 0; at < n && !found;) {
        const char *field = form + at, *end = memchr(field, '&', n - at);
        size_t len = end ? (size_t)(end - field) : n - at;
        const char *eq = memchr(field, '=', len);
        size_t name_len = eq ? (size_t)(eq - field) : len;
        str_clear(&key);
        decode_field(field, name_len, &key);
        found = key.len == strlen(name) && memcmp(str_text(&key), name, key.len) == 0;
        if (found && eq)
            decode_field(eq + 1, len - name_len - 1, out);
        at += len + 1;
    }
    str_fini(&key);
    return found;
}
