/* Text from outside into HTML and into addresses. */
#include "supervisor/rpc/html.h"
#include "supervisor/base/text.h"

#include <string.h>

#define UNKNOWN "\xef\xbf\xbd" /* U+FFFD */

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
    case '\t':
        return NULL;
    default:
        return c < 0x20 || c == 0x7f ? UNKNOWN : NULL;
    }
}

static void put_valid(struct str *out, const char *p, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        const char *e = entity((unsigned char)p[i]);
        if (!e)
            continue;
        str_put(out, p + from, i - from);
        str_puts(out, e);
        from = i + 1;
    }
    str_put(out, p + from, n - from);
}

void html_bytes(struct str *out, const char *p, size_t n)
{
    text_put_utf8(out, p, n, put_valid);
}

void html_text(struct str *out, const char *s)
{
    if (s)
        html_bytes(out, s, strlen(s));
}

void html_query(struct str *out, const char *s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *s; s++)
        if (strchr(plain, *s))
            str_putc(out, *s);
        else
            str_printf(out, "%%%02X", (unsigned char)*s);
}
