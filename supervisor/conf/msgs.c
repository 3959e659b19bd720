/* What a load has to say. */
#include "supervisor/conf/msgs.h"

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
        if (strcmp(m->list[kind].v[i], text) == 0)
            return true;
    }
    return false;
}

void msgs_vadd(struct msgs *m, enum msg_kind kind, struct pos at, const char *fmt, va_list ap)
{
    if (msgs_full(m, kind))
        return;
    const char *text = m->list[kind].n == MSGS_MAX ? "more of this kind are not shown"
                                                   : arena_vprintf(m->a, fmt, ap);
    if (at.file && m->list[kind].n < MSGS_MAX)
        text = at.line ? arena_printf(m->a, "%s:%u: %s", at.file, at.line, text)
                       : arena_printf(m->a, "%s: %s", at.file, text);
    if (!said_before(m, kind, text))
        VEC_PUSH(&m->list[kind], text);
}

void msgs_add(struct msgs *m, enum msg_kind kind, struct pos at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    msgs_vadd(m, kind, at, fmt, ap);
    va_end(ap);
}
