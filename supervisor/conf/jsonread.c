/* The JSON reader: one function a kind of value, strict about everything that RFC 8259 is. */
#include "supervisor/conf/jsonread.h"

#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

struct reader {
    struct arena *a;
    const char *p, *end;
    unsigned line, depth;
    struct err *e;
};

static struct json *read_value(struct reader *r);

static void skip_blanks(struct reader *r)
{
    for (; r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p; r->p++)
        r->line += *r->p == '\n';
}

static void *refuse(struct reader *r, const char *what)
{
    err_set(r->e, "%s", what);
    return NULL;
}

/* the next character that is no blank, taken; 0 at the end */
static int take(struct reader *r)
{
    skip_blanks(r);
    return r->p < r->end ? (unsigned char)*r->p++ : 0;
}

static struct json *new_value(struct reader *r, enum json_kind kind)
{
    struct json *v = arena_alloc(r->a, sizeof(*v));
    v->kind = kind;
    v->line = r->line;
    return v;
}

/* ---- texts ---- */

static void put_utf8(struct str *s, uint32_t c)
{
    if (c < 0x80) {
        str_putc(s, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    str_putc(s, (char)(first[more] | c >> (6 * more)));
    while (more--)
        str_putc(s, (char)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* four hexadecimal digits */
static bool read_hex(struct reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, r->p++) {
        static const char digits[] = "0123456789abcdef";
        const char *at = r->p < r->end && *r->p ? strchr(digits, *r->p | 0x20) : NULL;
        if (!at || *r->p < '0')
            return false;
        *out = *out << 4 | (uint32_t)(at - digits);
    }
    return true;
}

static bool read_unicode(struct reader *r, struct str *s)
{
    uint32_t c, low;
    if (!read_hex(r, &c) || !c || (c >= 0xdc00 && c < 0xe000))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (r->end - r->p < 6 || *r->p++ != '\\' || *r->p++ != 'u' || !read_hex(r, &low) ||
            low < 0xdc00 || low >= 0xe000)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(s, c);
    return true;
}

static bool read_escape(struct reader *r, struct str *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;
    if (at) {
        r->p++;
        str_putc(s, to[at - from]);
        return true;
    }
    return r->p < r->end && *r->p++ == 'u' && read_unicode(r, s);
}

/* behind the opening quote; NULL if it is no text */
static const char *read_string(struct reader *r)
{
    struct str s = STR_INIT;
    const char *text = NULL;
    bool good = true;
    while (good && r->p < r->end && *r->p != '"' && (unsigned char)*r->p >= 0x20) {
        if (*r->p != '\\')
            str_putc(&s, *r->p++);
        else {
            r->p++;
            good = read_escape(r, &s);
        }
    }
    good = good && r->p < r->end && *r->p == '"';
    if (good && text_utf8_valid(s.s ? s.s : "", s.len) == s.len)
        text = arena_strndup(r->a, s.s ? s.s : "", s.len);
    str_fini(&s);
    r->p += good;
    return text ? text : refuse(r, "a text that does not end, or with a wrong \\ or byte in it");
}

/* ---- the other values ---- */

static size_t digits(const char *p)
{
    return strspn(p, "0123456789");
}

static struct json *read_number(struct reader *r)
{
    const char *start = r->p;
    bool zero;
    r->p += *r->p == '-';
    zero = *r->p == '0';
    size_t whole = digits(r->p);
    r->p += whole;
    bool good = whole && !(zero && whole > 1);
    if (*r->p == '.') {
        size_t n = digits(++r->p);
        good = good && n;
        r->p += n;
    }
    if (*r->p == 'e' || *r->p == 'E') {
        r->p++;
        r->p += *r->p == '+' || *r->p == '-';
        size_t n = digits(r->p);
        good = good && n;
        r->p += n;
    }
    if (!good)
        return refuse(r, "no value, where one is wanted");
    struct json *v = new_value(r, JSON_NUMBER);
    v->text = arena_strndup(r->a, start, (size_t)(r->p - start));
    return v;
}

static struct json *read_word(struct reader *r)
{
    static const struct {
        const char *word;
        enum json_kind kind;
    } words[] = {{"null", JSON_NULL}, {"true", JSON_TRUE}, {"false", JSON_FALSE}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i].word);
        if (strncmp(r->p, words[i].word, n) != 0)
            continue;
        r->p += n;
        return new_value(r, words[i].kind);
    }
    return read_number(r);
}

static const char *read_key(struct reader *r)
{
    if (take(r) != '"')
        return refuse(r, "a name in quotes is wanted");
    const char *key = read_string(r);
    return !key || take(r) == ':' ? key : refuse(r, "a : is wanted behind a name");
}

static struct json *read_member(struct reader *r, bool object)
{
    const char *key = object ? read_key(r) : NULL;
    if (object && !key)
        return NULL;
    struct json *v = read_value(r);
    if (v)
        v->key = key;
    return v;
}

/* behind the opening bracket */
static struct json *read_members(struct reader *r, bool object)
{
    struct json *v = new_value(r, object ? JSON_OBJECT : JSON_LIST);
    struct json **at = &v->first;
    const int close = object ? '}' : ']';
    skip_blanks(r);
    if (r->p < r->end && *r->p == close) {
        r->p++;
        return v;
    }
    for (;;) {
        struct json *one = read_member(r, object);
        if (!one)
            return NULL;
        *at = one;
        at = &one->next;
        int c = take(r);
        if (c == close)
            return v;
        if (c != ',')
            return refuse(r, object ? "a , or a } is wanted" : "a , or a ] is wanted");
    }
}

static struct json *read_value(struct reader *r)
{
    struct json *v;
    if (r->depth == DEPTH_MAX)
        return refuse(r, "too many levels");
    r->depth++;
    skip_blanks(r);
    char c = r->p < r->end ? *r->p : '\0';
    if (c == '{' || c == '[') {
        r->p++;
        v = read_members(r, c == '{');
    } else if (c == '"') {
        struct json *text = new_value(r, JSON_TEXT);
        r->p++;
        text->text = read_string(r);
        v = text->text ? text : NULL;
    } else {
        v = read_word(r);
    }
    r->depth--;
    return v;
}

const struct json *json_read(struct arena *a, const char *text, size_t n, unsigned *out_line,
                             struct err *e)
{
    struct reader r = {.a = a, .p = text, .end = text + n, .line = 1, .e = e};
    struct json *v = read_value(&r);
    if (v && (skip_blanks(&r), r.p < r.end))
        v = refuse(&r, "more text behind the value");
    *out_line = r.line;
    return v;
}

const struct json *json_get(const struct json *v, const char *key)
{
    const struct json *m = v && v->kind == JSON_OBJECT ? v->first : NULL;
    while (m && strcmp(m->key, key) != 0)
        m = m->next;
    return m && m->kind != JSON_NULL ? m : NULL;
}

const char *json_text_of(const struct json *v, const char *key)
{
    const struct json *m = json_get(v, key);
    return m && m->kind == JSON_TEXT ? m->text : NULL;
}

bool json_uint(const struct json *v, uint64_t *out)
{
    if (!v || v->kind != JSON_NUMBER || v->text[digits(v->text)])
        return false;
    errno = 0;
    *out = strtoull(v->text, NULL, 10);
    return errno == 0;
}
