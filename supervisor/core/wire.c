/* The control protocol's lines: codes, requests and replies. */
#include "supervisor/core/wire.h"
#include "supervisor/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int fault;
} codes[WIRE_NCODES] = {
#define WIRE_ROW(n, f, t) [WIRE_##n] = {.name = #n, .text = (t), .fault = (f)},
    WIRE_CODES(WIRE_ROW)
#undef WIRE_ROW
};

const char *wire_code_name(enum wire_code c)
{
    return codes[c].name;
}

const char *wire_code_text(enum wire_code c)
{
    return codes[c].text;
}

int wire_code_fault(enum wire_code c)
{
    return codes[c].fault;
}

int wire_code_by_name(const char *name)
{
    for (int i = 0; i < WIRE_NCODES; i++)
        if (strcmp(codes[i].name, name) == 0)
            return i;
    return -1;
}

bool wire_id_ok(const char *id)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t n = strlen(id);
    return n >= 1 && n <= WIRE_ID_MAX && strspn(id, allowed) == n;
}

/* ---- requests ---- */

static bool is_separator(char c)
{
    return c == ' ' || c == '\t';
}

size_t wire_count(const char *p, size_t n)
{
    size_t fields = 1;
    for (size_t i = 0; i < n; i++)
        fields += p[i] == '\t' || (p[i] == ' ' && i > 0 && !is_separator(p[i - 1]));
    return fields;
}

/* the end of the separator that starts at p: blanks, with at most one TAB among them */
static char *skip_separator(char *p, char *end)
{
    while (p < end && *p == ' ')
        p++;
    if (p < end && *p == '\t')
        p++;
    while (p < end && *p == ' ')
        p++;
    return p;
}

/* undoes the escapes of p[0..n) and ends it with a NUL */
static int unescape_field(char *p, size_t n, struct err *e)
{
    if (memchr(p, '\0', n)) {
        p[0] = '\0';
        return err_set(e, "a NUL byte in the line");
    }
    if (!memchr(p, '\\', n)) {
        p[n] = '\0';
        return 0;
    }
    int64_t len = text_unescape(p, n);
    if (len < 0) {
        p[n] = '\0';
        return err_set(e, "bad escape in '%.40s'; known are \\\\ \\n \\t \\xNN", p);
    }
    p[len] = '\0';
    return memchr(p, '\0', (size_t)len) ? err_set(e, "\\x00 is not allowed") : 0;
}

int64_t wire_split(char *p, size_t n, char **fields, size_t max, struct err *e)
{
    char *end = p + n;
    size_t count = 0;
    while (p < end && *p == ' ')
        p++;
    while (end > p && end[-1] == ' ')
        end--;
    for (bool more = p < end; more;) {
        char *field = p;
        while (p < end && !is_separator(*p))
            p++;
        size_t len = (size_t)(p - field);
        more = p < end;
        p = skip_separator(p, end);
        if (count == max)
            return err_set(e, "too many fields");
        fields[count++] = field;
        if (unescape_field(field, len, e) < 0)
            return -1;
    }
    return (int64_t)count;
}

void wire_put_field(struct str *out, const char *text)
{
    if (out->len && out->s[out->len - 1] != '\n')
        str_putc(out, '\t');
    text_escape(out, text, strlen(text), true);
}

/* ---- replies, written ---- */

void wire_begin(struct wire_out *w, struct str *out, const char *id, const char *word)
{
    w->out = out;
    w->first = true;
    str_puts(out, id);
    str_putc(out, ' ');
    str_puts(out, word);
}

static void put_key(struct wire_out *w, const char *key)
{
    size_t n = strlen(key);
    if (!str_reserve(w->out, n + 2))
        return;
    char *p = w->out->s + w->out->len;
    *p = w->first ? ' ' : '\t';
    memcpy(p + 1, key, n);
    p[n + 1] = '=';
    p[n + 2] = '\0';
    w->out->len += n + 2;
    w->first = false;
}

void wire_kv(struct wire_out *w, const char *key, const char *value)
{
    put_key(w, key);
    if (value)
        text_escape(w->out, value, strlen(value), false);
}

void wire_kv_bytes(struct wire_out *w, const char *key, const char *p, size_t n)
{
    const char *nul;
    put_key(w, key);
    for (; (nul = n ? memchr(p, '\0', n) : NULL); n -= (size_t)(nul - p) + 1, p = nul + 1) {
        text_escape(w->out, p, (size_t)(nul - p), false);
        str_puts(w->out, "\xef\xbf\xbd");
    }
    text_escape(w->out, p, n, false);
}

void wire_kv_int(struct wire_out *w, const char *key, int64_t value)
{
    char buf[24], *p = buf + sizeof(buf);
    uint64_t n = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    if (value < 0)
        *--p = '-';
    put_key(w, key);
    str_put(w->out, p, (size_t)(buf + sizeof(buf) - p));
}

void wire_kv_fmt(struct wire_out *w, const char *key, const char *fmt, ...)
{
    struct str text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_vprintf(&text, fmt, ap);
    va_end(ap);
    if (text.failed)
        w->out->failed = true;
    wire_kv(w, key, str_text(&text));
    str_fini(&text);
}

void wire_end(struct wire_out *w)
{
    str_putc(w->out, '\n');
}

void wire_put_error(struct str *out, const char *id, enum wire_code c, const char *text)
{
    str_puts(out, id);
    str_puts(out, " error ");
    str_puts(out, codes[c].name);
    str_putc(out, ' ');
    text_escape(out, text, strlen(text), false);
    str_putc(out, '\n');
}

void wire_put_bytes(struct str *out, const char *id, const void *p, size_t n)
{
    str_printf(out, "%s bytes %zu\n", id, n);
    str_put(out, p, n);
    str_putc(out, '\n');
}

/* ---- replies, read ---- */

/* cuts the next word off *pp at a blank; *pp is left behind the blank, or at the end */
static char *take_word(char **pp)
{
    char *word = *pp, *blank = strchr(word, ' ');
    *pp = blank ? blank + 1 : word + strlen(word);
    if (blank)
        *blank = '\0';
    return word;
}

static const struct {
    const char *word;
    enum wire_kind kind;
} kinds[] = {
    {"+", WIRE_RECORD},    {"ok", WIRE_OK},       {"error", WIRE_ERROR},
    {"bytes", WIRE_BYTES}, {"event", WIRE_EVENT},
};

static int parse_kind(const char *word, enum wire_kind *out_kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].word, word) == 0) {
            *out_kind = kinds[i].kind;
            return 0;
        }
    return -1;
}

static int parse_error(struct wire_reply *r, struct err *e)
{
    r->code = take_word(&r->rest);
    r->text = r->rest;
    return unescape_field(r->text, strlen(r->text), e);
}

static int parse_bytes(struct wire_reply *r, struct err *e)
{
    int64_t n;
    if (text_int(r->rest, 0, INT64_C(1) << 40, &n, e) < 0)
        return err_prefix(e, "bytes");
    r->nbytes = (size_t)n;
    return 0;
}

int wire_parse_reply(char *p, size_t n, struct wire_reply *out_r, struct err *e)
{
    *out_r = (struct wire_reply){.rest = p};
    if (memchr(p, '\0', n))
        return err_set(e, "a NUL byte in a reply");
    out_r->id = take_word(&out_r->rest);
    if (!wire_id_ok(out_r->id) && strcmp(out_r->id, WIRE_NO_ID) != 0)
        return err_set(e, "a reply without an id: '%.40s'", out_r->id);
    const char *word = take_word(&out_r->rest);
    if (parse_kind(word, &out_r->kind) < 0)
        return err_set(e, "an unknown reply: '%.40s'", word);
    if (out_r->kind == WIRE_ERROR)
        return parse_error(out_r, e);
    return out_r->kind == WIRE_BYTES ? parse_bytes(out_r, e) : 0;
}

int64_t wire_pairs(char *rest, struct wire_pair *pairs, size_t max)
{
    size_t count = 0;
    while (*rest) {
        char *tab = strchr(rest, '\t'), *eq = strchr(rest, '=');
        char *end = tab ? tab : rest + strlen(rest);
        if (!eq || eq > end)
            return -1;
        *eq = '\0';
        if (unescape_field(eq + 1, (size_t)(end - eq - 1), NULL) < 0)
            return -1;
        if (count < max)
            pairs[count++] = (struct wire_pair){.key = rest, .value = eq + 1};
        rest = tab ? tab + 1 : end;
    }
    return (int64_t)count;
}

const char *wire_value(const struct wire_pair *pairs, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (pairs[i].key[0] == key[0] && strcmp(pairs[i].key, key) == 0)
            return pairs[i].value;
    return NULL;
}

int wire_parse_greeting(const char *line, int *out_protocol)
{
    if (strncmp(line, "supd ", 5) != 0)
        return -1;
    char *end;
    long n = strtol(line + 5, &end, 10);
    if (end == line + 5 || (*end && *end != ' ') || n < 1 || n > 1000)
        return -1;
    *out_protocol = (int)n;
    return 0;
}
