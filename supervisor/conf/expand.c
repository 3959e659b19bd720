/* Python's % formatting of a mapping. */
#include "supervisor/conf/expand.h"
#include "supervisor/conf/pytext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A width or precision beyond this is a mistake, and would be memory. */
#define FIELD_MAX 65536

struct spec {
    bool minus, plus, blank, alt, zero;
    int width, precision; /* -1: none */
    char conv;
};

struct format {
    struct str *out;
    const char *begin, *p, *end;
    const char *what;
    const struct names *names;
    struct expand_opts opts;
    bool bare_used;  /* a second bare conversion has no argument */
    const char *key; /* the name of the conversion in hand; NULL: it has none */
    size_t key_len;
    struct err *e;
};

static int bad(struct format *f, const char *why)
{
    return err_set(f->e, "Format string '%s' for '%s' is badly formatted: %s", f->begin, f->what,
                   why);
}

/* bad(), with what was meant: a percent sign, or a name whose letter is missing */
static int bad_hint(struct format *f, const char *why)
{
    char text[256];
    if (f->key)
        snprintf(text, sizeof(text), "%s (write %%(%.*s)s, with a letter behind the name)", why,
                 (int)(f->key_len < 100 ? f->key_len : 100), f->key);
    else
        snprintf(text, sizeof(text), "%s (write %%%% for a percent sign)", why);
    return bad(f, text);
}

static int unknown_name(struct format *f, const char *key, size_t n)
{
    bool env = n > 4 && strncmp(key, "ENV_", 4) == 0;
    int len = (int)(n < 200 ? n : 200);
    if (env)
        return err_set(f->e,
                       "Format string '%s' for '%s' contains names ('%.*s') which cannot be "
                       "expanded: the environment variable %.*s is not set",
                       f->begin, f->what, len, key, len - 4, key + 4);
    struct str known = STR_INIT;
    for (const struct names *s = f->names; s; s = s->base) {
        VEC_EACH (&s->own, i) {
            if (strncmp(s->own.v[i].key, "ENV_", 4) != 0)
                str_printf(&known, "%s, ", s->own.v[i].key);
        }
    }
    err_set(f->e,
            "Format string '%s' for '%s' contains names ('%.*s') which cannot be expanded. "
            "Available names: %sENV_<variable>",
            f->begin, f->what, len, key, str_text(&known));
    str_fini(&known);
    return -1;
}

/* "(name)" behind a %; *out_key is NULL when there is none */
static int read_key(struct format *f, const char **out_key, size_t *out_len)
{
    *out_key = NULL;
    if (f->p == f->end || *f->p != '(')
        return 0;
    const char *key = ++f->p;
    for (int depth = 1; depth > 0; f->p++) {
        if (f->p == f->end)
            return bad(f, "incomplete format key (no ')' behind the name)");
        depth += *f->p == '(' ? 1 : *f->p == ')' ? -1 : 0;
    }
    *out_key = key;
    *out_len = (size_t)(f->p - 1 - key);
    return 0;
}

static bool read_flag(struct spec *s, char c)
{
    bool *flag = c == '-'   ? &s->minus
                 : c == '+' ? &s->plus
                 : c == ' ' ? &s->blank
                 : c == '#' ? &s->alt
                 : c == '0' ? &s->zero
                            : NULL;
    if (flag)
        *flag = true;
    return flag;
}

static int read_number(struct format *f, const char *too_big, int *out)
{
    if (f->p < f->end && *f->p == '*')
        return bad(f, "* wants int");
    for (; f->p < f->end && *f->p >= '0' && *f->p <= '9'; f->p++) {
        *out = (*out < 0 ? 0 : *out) * 10 + (*f->p - '0');
        if (*out > FIELD_MAX)
            return bad(f, too_big);
    }
    return 0;
}

static int read_spec(struct format *f, struct spec *s)
{
    *s = (struct spec){.width = -1, .precision = -1};
    while (f->p < f->end && read_flag(s, *f->p))
        f->p++;
    if (read_number(f, "width too big", &s->width) < 0)
        return -1;
    if (f->p < f->end && *f->p == '.') {
        f->p++;
        s->precision = 0;
        if (read_number(f, "precision too big", &s->precision) < 0)
            return -1;
    }
    if (f->p < f->end && strchr("hlL", *f->p))
        f->p++;
    if (f->p == f->end)
        return bad_hint(f, "incomplete format");
    s->conv = *f->p++;
    return 0;
}

static void pad(struct str *out, char c, size_t n)
{
    while (n--)
        str_putc(out, c);
}

/* text cut to the precision and padded to the width, both in characters */
static void put_text(struct str *out, const struct spec *s, const char *text)
{
    const char *end = text + strlen(text), *cut = text;
    size_t n = 0, limit = s->precision < 0 ? SIZE_MAX : (size_t)s->precision;
    for (; n < limit && cut < end; n++)
        cut += py_char_len(cut, end);
    size_t fill = s->width > 0 && (size_t)s->width > n ? (size_t)s->width - n : 0;
    if (!s->minus)
        pad(out, ' ', fill);
    str_put(out, text, (size_t)(cut - text));
    if (s->minus)
        pad(out, ' ', fill);
}

/* sign, prefix and digits of an integer, by Python's rules for width, zero and precision */
static void put_integer(struct str *out, const struct spec *s, int64_t n)
{
    char digits[32], head[4] = "";
    uint64_t u = n < 0 ? -(uint64_t)n : (uint64_t)n;
    const char *fmt = s->conv == 'o'   ? "%" PRIo64
                      : s->conv == 'x' ? "%" PRIx64
                      : s->conv == 'X' ? "%" PRIX64
                                       : "%" PRIu64;
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
        snprintf(digits, sizeof(digits), fmt, u);
    _Pragma("GCC diagnostic pop") snprintf(head, sizeof(head), "%s%s",
                                           n < 0      ? "-"
                                           : s->plus  ? "+"
                                           : s->blank ? " "
                                                      : "",
                                           !s->alt          ? ""
                                           : s->conv == 'x' ? "0x"
                                           : s->conv == 'X' ? "0X"
                                           : s->conv == 'o' ? "0o"
                                                            : "");
    size_t len = strlen(digits), zeros = 0, width = s->width > 0 ? (size_t)s->width : 0;
    if (s->precision > 0 && (size_t)s->precision > len)
        zeros = (size_t)s->precision - len;
    size_t used = strlen(head) + zeros + len, fill = width > used ? width - used : 0;
    if (s->zero && !s->minus) {
        zeros += fill;
        fill = 0;
    }
    if (!s->minus)
        pad(out, ' ', fill);
    str_puts(out, head);
    pad(out, '0', zeros);
    str_puts(out, digits);
    if (s->minus)
        pad(out, ' ', fill);
}

/* %e %f %g of an integer */
static void put_float(struct str *out, const struct spec *s, int64_t n)
{
    char fmt[32];
    int width = s->width < 0 ? 0 : s->width, precision = s->precision < 0 ? 6 : s->precision;
    snprintf(fmt, sizeof(fmt), "%%%s%s%s%s%s*.*%c", s->minus ? "-" : "", s->plus ? "+" : "",
             s->blank ? " " : "", s->alt ? "#" : "", s->zero ? "0" : "", s->conv);
    _Pragma("GCC diagnostic push")
        _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"") int len =
            snprintf(NULL, 0, fmt, width, precision, (double)n);
    if (len > 0 && str_reserve(out, (size_t)len))
        out->len +=
            (size_t)snprintf(out->s + out->len, (size_t)len + 1, fmt, width, precision, (double)n);
    _Pragma("GCC diagnostic pop")
}

static void encode(char buf[5], uint32_t c)
{
    size_t n = 0;
    if (c < 0x80) {
        buf[n++] = (char)c;
    } else if (c < 0x800) {
        buf[n++] = (char)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        buf[n++] = (char)(0xe0 | c >> 12);
        buf[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    } else {
        buf[n++] = (char)(0xf0 | c >> 18);
        buf[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        buf[n++] = (char)(0x80 | (c >> 6 & 0x3f));
    }
    if (c >= 0x80)
        buf[n++] = (char)(0x80 | (c & 0x3f));
    buf[n] = '\0';
}

/* %c: one character; a precision means nothing here */
static int put_char(struct format *f, const struct spec *given, const struct name *v)
{
    struct spec own = *given, *s = &own;
    s->precision = -1;
    char one[5] = "";
    if (!v->text) {
        if (v->number <= 0 || v->number > 0x10ffff || (v->number >= 0xd800 && v->number < 0xe000))
            return bad(f, "%c arg not in range(0x110000)");
        encode(one, (uint32_t)v->number);
        put_text(f->out, s, one);
        return 0;
    }
    if (py_chars(v->text, v->text + strlen(v->text)) != 1)
        return bad(f, "%c requires int or char");
    put_text(f->out, s, v->text);
    return 0;
}

static int put_number(struct format *f, const struct spec *s, const struct name *v)
{
    char why[80];
    if (v->text) {
        bool real = !strchr("oxX", s->conv);
        bool fl = strchr("eEfFgG", s->conv);
        snprintf(why, sizeof(why),
                 fl     ? "must be real number, not str"
                 : real ? "%%%c format: a real number is required, not str"
                        : "%%%c format: an integer is required, not str",
                 s->conv);
        return bad(f, why);
    }
    if (strchr("eEfFgG", s->conv))
        put_float(f->out, s, v->number);
    else
        put_integer(f->out, s, v->number);
    return 0;
}

/* %s and %r of a value */
static void put_value(struct format *f, const struct spec *s, const struct name *v)
{
    struct str text = STR_INIT;
    if (!v->text)
        str_printf(&text, "%" PRId64, v->number);
    else if (s->conv == 's')
        str_puts(&text, v->text);
    else
        py_repr(&text, v->text, s->conv == 'a');
    put_text(f->out, s, str_text(&text));
    str_fini(&text);
}

static int put_converted(struct format *f, const struct spec *s, const struct name *v)
{
    if (strchr("sra", s->conv))
        put_value(f, s, v);
    else if (s->conv == 'c')
        return put_char(f, s, v);
    else
        return put_number(f, s, v);
    return 0;
}

static int check_conv(struct format *f, char conv)
{
    if (conv && strchr("sracdiouxXeEfFgG", conv))
        return 0;
    char why[80];
    const char *at = f->p - 1;
    size_t len = py_char_len(at, f->end);
    unsigned code = (unsigned char)*at;
    snprintf(why, sizeof(why), "unsupported format character '%.*s' (0x%x) at index %zu", (int)len,
             at, code, py_chars(f->begin, at));
    return bad_hint(f, why);
}

static void repr_names(struct str *out, const struct names *own, const struct names *n, bool ascii,
                       bool *first)
{
    VEC_EACH (&n->own, i) {
        const struct name *v = &n->own.v[i];
        if (own != n)
            v = names_find(own, v->key, strlen(v->key));
        else if (own->base && names_find(own->base, v->key, strlen(v->key)))
            continue; /* printed in the base's place */
        str_puts(out, *first ? "" : ", ");
        *first = false;
        py_repr(out, v->key, ascii);
        str_puts(out, ": ");
        if (v->text)
            py_repr(out, v->text, ascii);
        else
            str_printf(out, "%" PRId64, v->number);
    }
}

/* the whole mapping, as Python prints a dictionary */
static void repr_mapping(struct str *out, const struct names *n, bool own_first, bool ascii)
{
    bool first = true;
    str_putc(out, '{');
    if (own_first || !n->base)
        repr_names(out, n, n, ascii, &first);
    if (n->base)
        repr_names(out, n, n->base, ascii, &first);
    if (!own_first && n->base)
        repr_names(out, n, n, ascii, &first);
    str_putc(out, '}');
}

/* a conversion without a name: Python formats the whole mapping with it */
static int put_bare(struct format *f, const struct spec *s)
{
    if (!f->opts.exact)
        return bad(f, "a conversion without a (name); write %% for a percent sign");
    if (f->bare_used)
        return bad(f, "not enough arguments for format string");
    f->bare_used = true;
    if (!strchr("sra", s->conv))
        return bad(f, "a number is required, not dict");
    struct str text = STR_INIT;
    repr_mapping(&text, f->names, f->opts.own_first, s->conv == 'a');
    put_text(f->out, s, str_text(&text));
    str_fini(&text);
    return 0;
}

/* doubles every % that the expansion put behind from */
static void protect(struct str *out, size_t from)
{
    if (!out->s || !memchr(out->s + from, '%', out->len - from))
        return;
    struct str tail = STR_INIT;
    for (size_t i = from; i < out->len; i++) {
        if (out->s[i] == '%')
            str_putc(&tail, '%');
        str_putc(&tail, out->s[i]);
    }
    out->len = from;
    str_put(out, str_text(&tail), tail.len);
    str_fini(&tail);
}

static int one_conversion(struct format *f, const char *start)
{
    size_t mark = f->out->len;
    struct spec s;
    if (read_key(f, &f->key, &f->key_len) < 0)
        return -1;
    const struct name *v = f->key ? names_find(f->names, f->key, f->key_len) : NULL;
    if (f->key && !v)
        return unknown_name(f, f->key, f->key_len);
    if (read_spec(f, &s) < 0)
        return -1;
    if (s.conv == '%' && f->p == start + 2) {
        str_puts(f->out, f->opts.kept ? "%%" : "%");
        return 0;
    }
    if (check_conv(f, s.conv) < 0)
        return -1;
    if (!f->key)
        return put_bare(f, &s);
    f->bare_used = true;
    if (put_converted(f, &s, v) < 0)
        return -1;
    if (f->opts.kept && v->keep) {
        f->out->len = mark;
        str_put(f->out, start, (size_t)(f->p - start));
    } else if (f->opts.kept) {
        protect(f->out, mark);
    }
    return 0;
}

int expand(struct str *out, const char *format, const char *what, const struct names *names,
           struct expand_opts opts, struct err *e)
{
    struct format f = {.out = out,
                       .begin = format,
                       .p = format,
                       .end = format + strlen(format),
                       .what = what,
                       .names = names,
                       .opts = opts,
                       .e = e};
    while (f.p < f.end) {
        const char *percent = memchr(f.p, '%', (size_t)(f.end - f.p));
        if (!percent)
            percent = f.end;
        str_put(out, f.p, (size_t)(percent - f.p));
        f.p = percent;
        if (percent == f.end)
            break;
        f.p++;
        if (one_conversion(&f, percent) < 0)
            return -1;
    }
    return 0;
}
