/* Verdicts: made, failed, named. */
#include "probes/judge/verdict.h"
#include "supervisor/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *reason_text(enum reason r)
{
    static const char *const text[REASONS] = {
#define X(name, word) [REASON_##name] = word,
        VERDICT_REASONS(X)
#undef X
    };
    return text[r];
}

const char *verdict_word(const struct verdict *v)
{
    const char *word = reason_text(v->reason);
    return strncmp(v->detail, word, strlen(word)) == 0 ? "" : word;
}

void verdict_init(struct verdict *v)
{
    *v = (struct verdict){.status = VERDICT_UNKNOWN, .content_length = -1};
    for (int i = 0; i < PHASES; i++)
        v->phase_ns[i] = -1;
}

void verdict_fail(struct verdict *v, enum reason r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->detail, sizeof(v->detail), fmt, ap);
    va_end(ap);
    v->detail[text_utf8_valid(v->detail, strlen(v->detail))] = '\0';
    v->status = VERDICT_FAIL;
    v->reason = r;
}
