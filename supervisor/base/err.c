/* Errors as sentences. */
#include "supervisor/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(struct err *e, size_t wanted)
{
    if (wanted >= sizeof(e->msg))
        memcpy(e->msg + sizeof(e->msg) - 4, "...", 4);
}

int err_set(struct err *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    e->errnum = 0;
    mark_cut(e, n < 0 ? 0 : (size_t)n);
    return -1;
}

int err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    size_t at = n < 0 ? 0 : (size_t)n;
    const char *why = strerrordesc_np(errnum);
    if (at < sizeof(e->msg)) {
        int m = snprintf(e->msg + at, sizeof(e->msg) - at, ": %s", why ? why : "Unknown error");
        at += m < 0 ? 0 : (size_t)m;
    }
    e->errnum = errnum;
    mark_cut(e, at);
    return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    char old[ERR_MAX];
    memcpy(old, e->msg, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    size_t at = n < 0 ? 0 : (size_t)n;
    if (at < sizeof(e->msg)) {
        int m = snprintf(e->msg + at, sizeof(e->msg) - at, ": %s", old);
        at += m < 0 ? 0 : (size_t)m;
    }
    mark_cut(e, at);
    return -1;
}
