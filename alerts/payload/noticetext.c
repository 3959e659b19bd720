/* Notices as text: one row a field. */
#include "alerts/payload/noticetext.h"
#include "supervisor/base/arena.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "notice\t1\n"

/* ---- the fields ---- */

enum type { TEXT, NUMBER, STAMP };
static const struct field {
    const char *name;
    enum type type;
    size_t at;
} fields[] = {
#define F(name, type)                                                                              \
    {                                                                                              \
#name, type, offsetof(struct notice, name)                                                 \
    }
    F(id, TEXT),          F(key, TEXT),     F(alert, TEXT),     F(severity, TEXT), F(summary, TEXT),
    F(description, TEXT), F(runbook, TEXT), F(dashboard, TEXT), F(reason, TEXT),   F(program, TEXT),
    F(host, TEXT),        F(ack, TEXT),     F(value, NUMBER),   F(limit, NUMBER),  F(starts, STAMP),
    F(ends, STAMP),       F(at, STAMP),     F(was, TEXT),
#undef F
};
#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

static const char **text_of(struct notice *n, const struct field *f)
{
    return (const char **)(void *)((char *)n + f->at);
}

static double *number_of(struct notice *n, const struct field *f)
{
    return (double *)(void *)((char *)n + f->at);
}

static wall_t *stamp_of(struct notice *n, const struct field *f)
{
    return (wall_t *)(void *)((char *)n + f->at);
}

/* ---- writing ---- */

static void put_line(struct str *out, const char *name, const char *value)
{
    str_printf(out, "%s\t", name);
    text_escape(out, value, strlen(value), false);
    str_putc(out, '\n');
}

static void put_field(const struct notice *n, const struct field *f, struct str *out)
{
    struct notice copy = *n;
    if (f->type == TEXT)
        put_line(out, f->name, *text_of(&copy, f) ? *text_of(&copy, f) : "");
    else if (f->type == NUMBER)
        str_printf(out, "%s\t%.17g\n", f->name, *number_of(&copy, f));
    else
        str_printf(out, "%s\t%" PRId64 "\n", f->name, stamp_of(&copy, f)->ns);
}

static void put_label(const struct notice_label *l, struct str *out)
{
    struct str s = STR_INIT;
    str_printf(&s, "%s=%s", l->name, l->value);
    put_line(out, "label", str_text(&s));
    str_fini(&s);
}

void notice_write(const struct notice *n, struct str *out)
{
    str_puts(out, HEAD);
    str_printf(out, "kind\t%d\nhas_value\t%d\n", (int)n->kind, n->has_value);
    for (size_t i = 0; i < NFIELDS; i++)
        put_field(n, &fields[i], out);
    for (size_t i = 0; i < n->nlabels && i < NOTICETEXT_LABELS; i++)
        put_label(&n->labels[i], out);
}

/* ---- reading ---- */

struct reading {
    struct arena *a;
    struct notice *n;
    struct notice_label labels[NOTICETEXT_LABELS];
};

/* "name=value", which is cut in two */
static bool take_label(struct reading *r, char *value)
{
    char *eq = strchr(value, '=');
    if (!eq || r->n->nlabels == NOTICETEXT_LABELS)
        return false;
    *eq = '\0';
    r->labels[r->n->nlabels++] = (struct notice_label){value, eq + 1};
    return true;
}

static bool take_kind(struct reading *r, const char *value)
{
    int64_t kind;
    if (text_int(value, 0, NOTICE_KINDS - 1, &kind, NULL) < 0)
        return false;
    r->n->kind = (enum notice_kind)kind;
    return true;
}

static bool take_value(struct reading *r, const struct field *f, char *value)
{
    char *end;
    int64_t ns = 0;
    if (f->type == TEXT) {
        *text_of(r->n, f) = value;
        return true;
    }
    if (f->type == NUMBER) {
        *number_of(r->n, f) = strtod(value, &end);
        return *value && !*end;
    }
    bool ok = text_int(value, 0, INT64_MAX, &ns, NULL) == 0;
    stamp_of(r->n, f)->ns = ns;
    return ok;
}

static bool take_field(struct reading *r, const char *name, char *value)
{
    if (strcmp(name, "kind") == 0)
        return take_kind(r, value);
    if (strcmp(name, "label") == 0)
        return take_label(r, value);
    if (strcmp(name, "has_value") == 0)
        r->n->has_value = strcmp(value, "1") == 0;
    for (size_t i = 0; i < NFIELDS; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return take_value(r, &fields[i], value);
    }
    return true;
}

static bool take_line(struct reading *r, char *line)
{
    char *tab = strchr(line, '\t');
    if (!tab)
        return false;
    *tab = '\0';
    int64_t n = text_unescape(tab + 1, strlen(tab + 1));
    if (n < 0 || memchr(tab + 1, '\0', (size_t)n))
        return false;
    tab[1 + n] = '\0';
    return take_field(r, line, tab + 1);
}

static bool take_lines(struct reading *r, const char *p, const char *end)
{
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl || memchr(p, '\0', (size_t)(nl - p)) ||
            !take_line(r, arena_strndup(r->a, p, (size_t)(nl - p))))
            return false;
        p = nl + 1;
    }
    return true;
}

struct notice_copy *notice_read(const char *p, size_t n, struct err *e)
{
    const size_t head = strlen(HEAD);
    if (n > NOTICETEXT_MAX || n < head || memcmp(p, HEAD, head) != 0) {
        err_set(e, "not a saved notice of this version");
        return NULL;
    }
    struct notice_copy *c = mem_zalloc(sizeof(*c));
    c->a = arena_new();
    struct reading r = {.a = c->a, .n = &c->n};
    for (size_t i = 0; i < NFIELDS; i++) {
        if (fields[i].type == TEXT)
            *text_of(&c->n, &fields[i]) = "";
    }
    if (!take_lines(&r, p + head, p + n)) {
        err_set(e, "a saved notice is damaged");
        notice_copy_free(&c);
        return NULL;
    }
    c->n.labels = arena_memdup(c->a, r.labels, c->n.nlabels * sizeof(r.labels[0]));
    return c;
}

void notice_copy_free(struct notice_copy **cp)
{
    struct notice_copy *c = *cp;
    *cp = NULL;
    if (!c)
        return;
    arena_free(&c->a);
    free(c);
}
