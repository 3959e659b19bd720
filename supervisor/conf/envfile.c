/* Files of variables into pairs. */
#include "supervisor/conf/envfile.h"

#include "supervisor/base/str.h"

#include <ctype.h>
#include <string.h>

struct input {
    struct arena *a;
    const struct envfile_request *rq;
    const char *p, *end;
    unsigned line;
    struct env_list *out;
};

void envfile_set(struct arena *a, struct env_list *l, const char *key, const char *value)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i].key, key) == 0) {
            l->v[i].value = value;
            return;
        }
    }
    if (!(l->n & (l->n - 1))) { /* full: 0, 1, 2, 4, ... */
        size_t room = l->n ? 2 * l->n : 1;
        void *v = arena_alloc(a, room * sizeof(*l->v));
        if (l->n)
            memcpy(v, l->v, l->n * sizeof(*l->v));
        l->v = v;
    }
    l->v[l->n++] = (struct env_pair){key, value};
}

static void add(struct input *in, const char *key, size_t n, const char *value)
{
    envfile_set(in->a, in->out, arena_strndup(in->a, key, n), value);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static const char *line_end(const struct input *in)
{
    const char *nl = memchr(in->p, '\n', (size_t)(in->end - in->p));
    return nl ? nl : in->end;
}

static void next_line(struct input *in)
{
    const char *end = line_end(in);
    in->p = end < in->end ? end + 1 : end;
    in->line++;
}

/* The name up to the =, or to the line's end. */
static size_t name_length(const struct input *in, const char *end)
{
    const char *eq = memchr(in->p, '=', (size_t)(end - in->p));
    const char *stop = eq ? eq : end;
    while (stop > in->p && is_blank(stop[-1]))
        stop--;
    return (size_t)(stop - in->p);
}

/* A line without a = may be anything, a secret too: it is not shown. */
static int check_name(const char *key, size_t n, bool shown, struct err *e)
{
    bool good = n && !isdigit((unsigned char)*key);
    for (size_t i = 0; i < n && good; i++)
        good = isalnum((unsigned char)key[i]) || key[i] == '_';
    if (good)
        return 0;
    if (n > 7 && memcmp(key, "export ", 7) == 0)
        return err_set(e, "write KEY=value without export: no shell reads this");
    if (!shown)
        return err_set(e, "this line is not KEY=value");
    return err_set(e, "'%.*s' is no name of a variable (letters, digits and _)",
                   (int)(n < 60 ? n : 60), key);
}

/* ---- as docker ---- */

static int docker_line(struct input *in, const char *end, struct err *e)
{
    size_t n = name_length(in, end);
    const char *eq = memchr(in->p, '=', (size_t)(end - in->p));
    if (check_name(in->p, n, eq, e) < 0)
        return -1;
    const char *stop = end > in->p && end[-1] == '\r' ? end - 1 : end;
    const char *value = eq ? arena_strndup(in->a, eq + 1, (size_t)(stop - eq - 1))
                           : in->rq->lookup(in->rq->arg, in->p, n);
    if (value)
        add(in, in->p, n, value);
    next_line(in);
    return 0;
}

/* ---- as systemd ---- */

/* Behind a backslash: which characters lose it. In double quotes those of a shell, outside all. */
static bool unescapes(char quote, char c)
{
    return !quote || strchr("\"\\`$", c);
}

/* One step of a value; false at its end. *quote: the one that is open, or NUL. */
static bool value_step(struct input *in, char *quote, struct str *out, size_t *keep)
{
    char c = *in->p;
    if (c == '\\' && *quote != '\'' && in->p + 1 < in->end) {
        char next = in->p[1];
        in->line += next == '\n';
        if (next != '\n' && !unescapes(*quote, next))
            str_putc(out, '\\');
        if (next != '\n')
            str_putc(out, next);
        *keep = out->len;
        in->p += 2;
        return true;
    }
    if (!*quote && c == '\n')
        return false;
    if ((c == '"' || c == '\'') && (!*quote || *quote == c)) {
        *quote = *quote ? '\0' : c;
        *keep = out->len;
    } else {
        in->line += c == '\n';
        str_putc(out, c);
        if (*quote || !is_blank(c))
            *keep = out->len;
    }
    in->p++;
    return true;
}

/* From behind the = to the end of the value's last line; blanks outside of quotes are stripped. */
static int systemd_value(struct input *in, const char **out, struct err *e)
{
    struct str s = STR_INIT;
    size_t keep = 0;
    char quote = '\0';
    unsigned first = in->line;
    while (in->p < in->end && is_blank(*in->p))
        in->p++;
    while (in->p < in->end && value_step(in, &quote, &s, &keep))
        continue;
    *out = arena_strndup(in->a, str_text(&s), keep);
    str_fini(&s);
    if (!quote)
        return 0;
    in->line = first;
    return err_set(e, "the %c that opens here is never closed", quote);
}

static int systemd_line(struct input *in, const char *end, struct err *e)
{
    const char *key = in->p, *value;
    size_t n = name_length(in, end);
    const char *eq = memchr(in->p, '=', (size_t)(end - in->p));
    if (check_name(key, n, eq, e) < 0)
        return -1;
    if (!eq)
        return err_set(e, "this line is not KEY=value");
    in->p = eq + 1;
    if (systemd_value(in, &value, e) < 0)
        return -1;
    add(in, key, n, value);
    next_line(in);
    return 0;
}

static bool is_comment(const struct input *in)
{
    return *in->p == '#' || (*in->p == ';' && in->rq->format == ENVFILE_SYSTEMD);
}

int envfile_parse(struct arena *a, const char *text, size_t n, const struct envfile_request *rq,
                  struct env_list *out, unsigned *out_line, struct err *e)
{
    struct input in = {.a = a, .rq = rq, .p = text, .end = text + n, .line = 1, .out = out};
    if (memchr(text, '\0', n)) {
        *out_line = 1;
        return err_set(e, "there is a NUL byte in it: this is no file of variables");
    }
    while (in.p < in.end) {
        while (in.p < in.end && is_blank(*in.p))
            in.p++;
        const char *end = line_end(&in);
        *out_line = in.line;
        if (in.p == end || is_comment(&in)) {
            next_line(&in);
            continue;
        }
        int r = rq->format == ENVFILE_DOCKER ? docker_line(&in, end, e) : systemd_line(&in, end, e);
        if (r < 0) {
            *out_line = in.line;
            return -1;
        }
    }
    return 0;
}
