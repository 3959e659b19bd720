/* What rules share: three-valued truth, bounds of what is unknown, numbers as text. */
#include "alerts/rules/rule.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *cond_text(enum cond c)
{
    static const char *const text[] = {
        [COND_FALSE] = "false", [COND_UNKNOWN] = "unknown", [COND_TRUE] = "true"};
    return text[c];
}

/* FALSE < UNKNOWN < TRUE */
static int rank(enum cond c)
{
    return c == COND_FALSE ? 0 : c == COND_UNKNOWN ? 1 : 2;
}

enum cond cond_and(enum cond a, enum cond b)
{
    return rank(a) < rank(b) ? a : b;
}

enum cond cond_or(enum cond a, enum cond b)
{
    return rank(a) > rank(b) ? a : b;
}

void evaluation_text(struct evaluation *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out->text, sizeof(out->text), fmt, ap);
    va_end(ap);
    out->text[text_utf8_valid(out->text, strlen(out->text))] = '\0';
}

void evaluation_count(struct evaluation *out, double k, double n)
{
    out->k = (uint64_t)(k + 0.5);
    out->n = (uint64_t)(n + 0.5);
}

void evaluation_unknown(struct evaluation *out, const char *why)
{
    out->cond = COND_UNKNOWN;
    evaluation_text(out, "%s", why);
}

double rule_limit(const struct rule_input *in, double limit, struct evaluation *out)
{
    double clears = limit * (in->clear ? in->clear : 800) / 1000;
    if (in->firing && out)
        out->clears = clears;
    return in->firing ? clears : limit;
}

double window_known(const struct window_sum *s)
{
    return s->seen.ns > 0 ? 1 - (double)s->unknown.ns / (double)s->seen.ns : 1;
}

double window_missing(const struct window_sum *s, double n)
{
    double missing = n / window_known(s) - n;
    return s->lost > missing ? s->lost : missing;
}

enum cond rule_bounds(const struct window_sum *s, ratio_test_fn *fires, const void *obj)
{
    double k = s->err, n = s->ok + s->err, known = window_known(s);
    if (!s->unknown.ns)
        return fires(obj, k, n) ? COND_TRUE : COND_FALSE;
    /* without a request the rate of the known part says little, unless that is most of it */
    if (known <= 0 || (n <= 0 && known < 0.5))
        return COND_UNKNOWN;
    double missing = window_missing(s, n);
    if (fires(obj, k, n + missing))
        return COND_TRUE;
    return fires(obj, k + missing, n + missing) ? COND_UNKNOWN : COND_FALSE;
}

const char *share_print(double share, char *buf)
{
    double percent = share * 100;
    snprintf(buf, RULE_TEXT,
             percent >= 9.95    ? "%.0f%%"
             : percent >= 0.995 ? "%.1f%%"
                                : "%.2g%%",
             percent);
    return buf;
}

const char *number_print(double n, char *buf)
{
    /* parts come from the oldest cell; a person counts whole ones */
    snprintf(buf, RULE_TEXT, "%.0f", n);
    return buf;
}

const char *window_print(int64_t ns, char *buf, size_t size)
{
    const int64_t s = 1000000000;
    if (ns >= 10 * s || ns % s != 0)
        return dur_human((dur_t){ns}, buf, size);
    snprintf(buf, size, "%ds", (int)(ns / s)); /* as it was configured: 5s, not 5.0s */
    return buf;
}
