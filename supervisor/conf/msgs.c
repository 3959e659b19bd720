/* What a load has to say. */
#include "supervisor/conf/msgs.h"
#include "supervisor/base/str.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A file of nonsense must not become a report of a million lines. */
#define MSGS_MAX 1000

void msgs_init(struct msgs *m, struct arena *a)
{
    *m = (struct msgs){.a = a};
}

void msgs_fini(struct msgs *m)
{
    for (int i = 0; i < MSG_KINDS; i++)
        VEC_FINI(&m->list[i]);
    VEC_FINI(&m->files);
}

void msgs_file(struct msgs *m, const char *file)
{
    VEC_PUSH(&m->files, file);
}

/* 0: no file; what was never read comes last */
static size_t rank_of(const struct msgs *m, const char *file)
{
    size_t i = 0;
    while (file && i < m->files.n && strcmp(m->files.v[i], file) != 0)
        i++;
    return file ? i + 1 : 0;
}

struct ranked {
    size_t rank;
    struct msg msg;
};

static int by_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->msg.at.line != y->msg.at.line)
        return x->msg.at.line < y->msg.at.line ? -1 : 1;
    return (x->msg.number > y->msg.number) - (x->msg.number < y->msg.number);
}

/* A section that two groups name is read twice, and is wrong in the same way each time. */
static bool same_line_says(const struct ranked *v, size_t i)
{
    for (size_t j = i; j-- > 0 && v[j].rank == v[i].rank && v[j].msg.at.line == v[i].msg.at.line;)
        if (strcmp(v[j].msg.text, v[i].msg.text) == 0)
            return true;
    return false;
}

void msgs_sort(struct msgs *m)
{
    for (int kind = 0; kind < MSG_KINDS; kind++) {
        size_t n = m->list[kind].n, kept = 0;
        struct ranked *v = arena_alloc(m->a, (n + 1) * sizeof(*v));
        for (size_t i = 0; i < n; i++)
            v[i] = (struct ranked){rank_of(m, m->list[kind].v[i].at.file), m->list[kind].v[i]};
        qsort(v, n, sizeof(*v), by_place);
        for (size_t i = 0; i < n; i++)
            if (!v[i].rank || !same_line_says(v, i))
                m->list[kind].v[kept++] = v[i].msg;
        m->list[kind].n = kept;
    }
}

bool msgs_error_at(const struct msgs *m, struct pos at)
{
    VEC_EACH (&m->list[MSG_ERROR], i) {
        struct pos p = m->list[MSG_ERROR].v[i].at;
        if (p.line == at.line && p.file && at.file && strcmp(p.file, at.file) == 0)
            return true;
    }
    return false;
}

bool msgs_full(const struct msgs *m, enum msg_kind kind)
{
    return m->list[kind].n > MSGS_MAX;
}

/* Each process of a program, and each group that names it, would say the same again. */
static bool said_before(const struct msgs *m, enum msg_kind kind, const char *text)
{
    size_t n = m->list[kind].n;
    for (size_t i = n > 8 ? n - 8 : 0; i < n; i++) {
        if (strcmp(m->list[kind].v[i].text, text) == 0)
            return true;
    }
    return false;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A value that goes over several lines makes no message of several lines, and none that a terminal
 * obeys. */
static const char *on_one_line(struct arena *a, const char *text)
{
    struct str out = STR_INIT;
    const char *p = text;
    while (*p && !is_control(*p))
        p++;
    if (!*p)
        return text;
    for (p = text; *p; p++) {
        if (!is_control(*p))
            str_putc(&out, *p);
        else if (*p == '\n')
            str_puts(&out, "\\n");
        else
            str_printf(&out, "\\x%02x", (unsigned char)*p);
    }
    text = arena_strdup(a, str_text(&out));
    str_fini(&out);
    return text;
}

void msgs_vadd(struct msgs *m, enum msg_kind kind, struct pos at, const char *fmt, va_list ap)
{
    if (msgs_full(m, kind))
        return;
    size_t n = m->list[kind].n;
    const char *text =
        n == MSGS_MAX ? "more of this kind are not shown" : arena_vprintf(m->a, fmt, ap);
    if (kind != MSG_TRAP) /* which has three lines of its own, and escapes what it quotes */
        text = on_one_line(m->a, text);
    if (n == MSGS_MAX)
        at = (struct pos){"", UINT_MAX}; /* the last, also when sorted */
    else if (at.file)
        text = at.line ? arena_printf(m->a, "%s:%u: %s", at.file, at.line, text)
                       : arena_printf(m->a, "%s: %s", at.file, text);
    if (!said_before(m, kind, text))
        VEC_PUSH(&m->list[kind], ((struct msg){text, at, n}));
}

void msgs_add(struct msgs *m, enum msg_kind kind, struct pos at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    msgs_vadd(m, kind, at, fmt, ap);
    va_end(ap);
}
