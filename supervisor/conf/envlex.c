/* environment= into pairs.
 *
 * Supervisor takes the tokens of Python's shlex in groups of four: key, "=", value, and one token
 * that is thrown away whatever it is. What that accepts gives the same result here. What it refuses
 * is tried again with a grammar of our own, KEY=value or KEY="value" with commas between. */
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/words.h"

#include <ctype.h>
#include <string.h>

struct tokens {
    VEC(const char *) v;
    bool comment; /* a # hid the rest of a line */
};

static bool word_char(char c)
{
    return c && (isalnum((unsigned char)c) || strchr("_/.+-():", c)) && !((unsigned char)c & 0x80);
}

static const char *skip_line(const char *p)
{
    p += strcspn(p, "\n");
    return p + (*p == '\n');
}

/* a word, in which quotes are plain characters and a # skips to the next line, but does not end it
 */
static const char *read_word(struct arena *a, struct tokens *t, const char *p)
{
    struct str word = STR_INIT;
    for (;; p++) {
        while (*p == '#') {
            p = skip_line(p);
            t->comment = true;
        }
        if (!word_char(*p) && *p != '\'' && *p != '"')
            break;
        str_putc(&word, *p);
    }
    VEC_PUSH(&t->v, arena_strdup(a, str_text(&word)));
    str_fini(&word);
    if (*p && !strchr(" \t\r\n", *p)) {
        size_t n = py_char_len(p, p + strlen(p));
        VEC_PUSH(&t->v, arena_strndup(a, p, n));
        p += n;
    }
    return p;
}

/* the tokens of shlex.shlex(text) with "/.+-():" as word characters; NULL: a quote stays open */
static const char *read_tokens(struct arena *a, struct tokens *t, const char *p)
{
    while (*p) {
        if (strchr(" \t\r\n", *p)) {
            p++;
        } else if (*p == '#') {
            p = skip_line(p);
            t->comment = true;
        } else if (word_char(*p)) {
            p = read_word(a, t, p);
        } else if (*p == '\'' || *p == '"') {
            const char *end = strchr(p + 1, *p);
            if (!end)
                return NULL;
            VEC_PUSH(&t->v, arena_strndup(a, p, (size_t)(end + 1 - p)));
            p = end + 1;
        } else {
            size_t n = py_char_len(p, p + strlen(p));
            VEC_PUSH(&t->v, arena_strndup(a, p, n));
            p += n;
        }
    }
    return p;
}

static const char *strip_quotes(struct arena *a, const char *s)
{
    size_t n = strlen(s);
    while (n && strchr("'\"", *s)) {
        s++;
        n--;
    }
    while (n && strchr("'\"", s[n - 1]))
        n--;
    return arena_strndup(a, s, n);
}

typedef VEC(struct env_pair) pair_vec;

static void set_pair(pair_vec *pairs, const char *key, const char *value)
{
    VEC_EACH (pairs, i) {
        if (strcmp(pairs->v[i].key, key) == 0) {
            pairs->v[i].value = value;
            return;
        }
    }
    VEC_PUSH(pairs, (struct env_pair){key, value});
}

/* tokens in groups of four; false if they do not fit */
static bool group_tokens(struct arena *a, const struct tokens *t, pair_vec *pairs,
                         const char **out_dropped)
{
    for (size_t i = 0; i < t->v.n; i += 4) {
        if (i + 2 >= t->v.n || strcmp(t->v.v[i + 1], "=") != 0)
            return false;
        set_pair(pairs, t->v.v[i], strip_quotes(a, t->v.v[i + 2]));
        if (i + 3 < t->v.n && strcmp(t->v.v[i + 3], ",") != 0)
            *out_dropped = t->v.v[i + 3];
    }
    if (t->comment && !*out_dropped)
        *out_dropped = "#";
    return true;
}

/* Our own grammar. */
struct env_reader {
    struct arena *a;
    const char *p;
    struct str word;
};

static void skip_blanks(struct env_reader *r)
{
    r->p += strspn(r->p, " \t\r\n");
}

static bool read_quoted(struct env_reader *r)
{
    char quote = *r->p++;
    for (; *r->p != quote; r->p++) {
        if (!*r->p)
            return false;
        if (quote == '"' && *r->p == '\\' && r->p[1] == '"')
            r->p++;
        str_putc(&r->word, *r->p);
    }
    r->p++;
    return true;
}

static bool read_value(struct env_reader *r)
{
    const char *start = r->p;
    str_clear(&r->word);
    while (*r->p && !strchr(" \t\r\n,", *r->p)) {
        if (*r->p != '"' && *r->p != '\'')
            str_putc(&r->word, *r->p++);
        else if (!read_quoted(r))
            return false;
    }
    return r->p > start;
}

static bool read_pair(struct env_reader *r, pair_vec *pairs)
{
    skip_blanks(r);
    size_t n = strcspn(r->p, "= \t\r\n,\"'");
    const char *key = arena_strndup(r->a, r->p, n);
    r->p += n;
    skip_blanks(r);
    if (!n || *r->p != '=')
        return false;
    r->p++;
    skip_blanks(r);
    if (!read_value(r))
        return false;
    set_pair(pairs, key, arena_strdup(r->a, str_text(&r->word)));
    skip_blanks(r);
    if (*r->p && *r->p != ',')
        return false;
    r->p += *r->p == ',';
    skip_blanks(r);
    return true;
}

static bool read_own(struct arena *a, const char *text, pair_vec *pairs)
{
    struct env_reader r = {.a = a, .p = text};
    bool ok = true;
    pairs->n = 0;
    while (ok && *r.p)
        ok = read_pair(&r, pairs);
    str_fini(&r.word);
    return ok;
}

int words_env(struct arena *a, const char *text, struct env_lex_opts opts, struct env_list *out,
              const char **out_dropped, bool *out_extended, struct err *e)
{
    struct tokens t = {VEC_INIT, false};
    pair_vec pairs = VEC_INIT;
    bool closed = read_tokens(a, &t, text);
    bool ok = closed && group_tokens(a, &t, &pairs, out_dropped);
    if (!ok && !opts.exact) {
        ok = read_own(a, text, &pairs);
        *out_extended |= ok;
        *out_dropped = NULL;
    }
    if (!ok)
        *out_dropped = NULL;
    *out = (struct env_list){.n = ok ? pairs.n : 0};
    if (out->n)
        out->v = arena_memdup(a, pairs.v, pairs.n * sizeof(*pairs.v));
    VEC_FINI(&pairs);
    VEC_FINI(&t.v);
    if (ok)
        return 0;
    return err_set(e,
                   closed ? "Unexpected end of key/value pairs in value '%s' (write "
                            "KEY=\"value\",KEY2=\"value 2\")"
                          : "No closing quotation in '%s'",
                   text);
}
