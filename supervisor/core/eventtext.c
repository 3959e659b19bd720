/* The text of events for listeners. */
#include "supervisor/core/eventtext.h"
#include "supervisor/base/text.h"

#include <inttypes.h>
#include <string.h>

size_t event_chars(const char *p, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)p[i] & 0xc0) != 0x80;
    return chars;
}

void event_text(struct str *out, const struct event_head *h, const char *p, size_t n)
{
    str_printf(out,
               "ver:3.0 server:%s serial:%" PRIu64 " pool:%s poolserial:%" PRIu64
               " eventname:%s len:%zu\n",
               h->server, h->serial, h->pool, h->pool_serial, event_type_name(h->type),
               h->bytes ? n : event_chars(p, n));
    str_put(out, p, n);
}

static void put_repr_byte(struct str *out, unsigned char c, char quote)
{
    static const char letters[] = "\t\n\r\\", as[] = "tnr\\", digits[] = "0123456789abcdef";
    const char *at = c ? strchr(letters, c) : NULL;
    const char hex[] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
    const char two[] = {'\\', at ? as[at - letters] : quote};
    if (at || c == (unsigned char)quote)
        str_put(out, two, sizeof(two));
    else if (c < 0x20 || c >= 0x7f)
        str_put(out, hex, sizeof(hex));
    else
        str_putc(out, (char)c);
}

static void put_repr(struct str *out, const char *p, size_t n)
{
    char quote = memchr(p, '\'', n) && !memchr(p, '"', n) ? '"' : '\'';
    str_putc(out, 'b');
    str_putc(out, quote);
    for (size_t i = 0; i < n; i++)
        put_repr_byte(out, (unsigned char)p[i], quote);
    str_putc(out, quote);
}

void event_put_data(struct str *out, const char *p, size_t n)
{
    if (text_utf8_valid(p, n) == n) {
        str_put(out, p, n);
        return;
    }
    str_puts(out, "Undecodable: ");
    put_repr(out, p, n);
}
