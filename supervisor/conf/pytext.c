/* Text as Python sees it. */
#include "supervisor/conf/pytext.h"
#include "supervisor/base/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* blanks beyond ASCII: each a UTF-8 sequence */
static const char *const wide_spaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};
#define N_WIDE (sizeof(wide_spaces) / sizeof(wide_spaces[0]))

static bool ascii_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static size_t wide_space(const char *p, size_t n)
{
    for (size_t i = 0; i < N_WIDE; i++) {
        size_t len = strlen(wide_spaces[i]);
        if (n >= len && memcmp(p, wide_spaces[i], len) == 0)
            return len;
    }
    return 0;
}

size_t py_space_at(const char *p, const char *end)
{
    if (p >= end)
        return 0;
    unsigned char c = (unsigned char)*p;
    if (c < 0x80)
        return ascii_space(c);
    return c == 0xc2 || (c >= 0xe1 && c <= 0xe3) ? wide_space(p, (size_t)(end - p)) : 0;
}

size_t py_space_before(const char *begin, const char *p)
{
    if (p <= begin)
        return 0;
    if ((unsigned char)p[-1] < 0x80)
        return ascii_space((unsigned char)p[-1]);
    for (size_t len = 2; len <= 3; len++) {
        if ((size_t)(p - begin) >= len && py_space_at(p - len, p) == len)
            return len;
    }
    return 0;
}

void py_rstrip(const char *b, const char **e)
{
    size_t n;
    while ((n = py_space_before(b, *e)))
        *e -= n;
}

void py_strip(const char **b, const char **e)
{
    size_t n;
    while ((n = py_space_at(*b, *e)))
        *b += n;
    py_rstrip(*b, e);
}

size_t py_char_len(const char *p, const char *end)
{
    if (p >= end)
        return 0;
    unsigned char c = (unsigned char)*p;
    size_t want = c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
    if (want > (size_t)(end - p))
        return 1;
    for (size_t i = 1; i < want; i++) {
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return 1;
    }
    return want;
}

size_t py_chars(const char *b, const char *e)
{
    size_t n = 0;
    for (; b < e; n++)
        b += py_char_len(b, e);
    return n;
}

static int digit_of(char c, int base)
{
    return c >= '0' && c < '0' + base ? c - '0' : -1;
}

/* digits with single underscores between them; -1 when there is anything else */
static int read_digits(const char *p, const char *end, int base, uint64_t *out, bool *out_huge)
{
    bool want_digit = true;
    for (; p < end; p++) {
        int d = digit_of(*p, base);
        if (d < 0 && (*p != '_' || want_digit))
            return -1;
        want_digit = d < 0;
        if (d < 0)
            continue;
        *out_huge |= *out > (INT64_MAX - (uint64_t)d) / (uint64_t)base;
        *out = *out_huge ? INT64_MAX : *out * (uint64_t)base + (uint64_t)d;
    }
    return want_digit ? -1 : 0;
}

enum py_int_result py_int(const char *text, int base, int64_t *out_n)
{
    const char *p = text, *end = text + strlen(text);
    py_strip(&p, &end);
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (base == 8 && end - p > 2 && p[0] == '0' && (p[1] == 'o' || p[1] == 'O'))
        p += 2 + (p[2] == '_');
    uint64_t n = 0;
    bool huge = false;
    if (read_digits(p, end, base, &n, &huge) < 0)
        return PY_INT_INVALID;
    *out_n = minus ? -(int64_t)n : (int64_t)n;
    return huge ? PY_INT_HUGE : PY_INT_OK;
}

static uint32_t code_of(const char *p, size_t len)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)*p & first[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    return c;
}

static void repr_wide(struct str *out, const char *p, size_t len, bool ascii)
{
    uint32_t c = len == 1 ? (unsigned char)*p : code_of(p, len);
    bool printable = len > 1 && c >= 0xa1 && !py_space_at(p, p + len);
    if (printable && !ascii)
        str_put(out, p, len);
    else
        str_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

static void repr_char(struct str *out, const char *p, size_t len, char quote, bool ascii)
{
    unsigned char c = (unsigned char)*p;
    if (c == '\n' || c == '\r' || c == '\t')
        str_puts(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    else if (c == '\\' || c == (unsigned char)quote)
        str_printf(out, "\\%c", c);
    else if (c < 0x20 || c >= 0x7f)
        repr_wide(out, p, len, ascii);
    else
        str_putc(out, (char)c);
}

void py_repr(struct str *out, const char *text, bool ascii)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    const char *end = text + strlen(text);
    str_putc(out, quote);
    for (size_t n; (n = py_char_len(text, end)); text += n)
        repr_char(out, text, n, quote, ascii);
    str_putc(out, quote);
}

void py_json(struct str *out, const char *text)
{
    str_putc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            str_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            str_printf(out, "\\u%04x", c);
        else
            str_putc(out, (char)c);
    }
    str_putc(out, '"');
}

void py_lower(char *s)
{
    for (; *s; s++)
        *s = (char)tolower((unsigned char)*s);
}

void py_upper(char *s)
{
    for (; *s; s++)
        *s = (char)toupper((unsigned char)*s);
}
