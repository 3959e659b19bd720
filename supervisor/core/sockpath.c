/* Where the control socket is. */
#include "supervisor/core/sockpath.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static bool is_set(const char *s)
{
    return s && *s;
}

static enum sockpath_from put(char *buf, size_t size, enum sockpath_from from, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static enum sockpath_from put(char *buf, size_t size, enum sockpath_from from, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= size)
        buf[0] = '\0';
    return from;
}

enum sockpath_from sockpath(const struct sockpath_in *in, char *buf, size_t size)
{
    if (is_set(in->given))
        return put(buf, size, SOCKPATH_GIVEN, "%s", in->given);
    if (is_set(in->env_socket))
        return put(buf, size, SOCKPATH_ENV, "%s", in->env_socket);
    if (in->uid == 0)
        return put(buf, size, SOCKPATH_ROOT, SOCKPATH_OF_ROOT);
    if (is_set(in->runtime_dir) && in->runtime_dir[0] == '/')
        return put(buf, size, SOCKPATH_RUNTIME, "%s/supd.sock", in->runtime_dir);
    return put(buf, size, SOCKPATH_TMP, "/tmp/supd-%u.sock", in->uid);
}

const char *sockpath_from_text(enum sockpath_from from)
{
    static const char *const texts[] = {
        [SOCKPATH_GIVEN] = "as given",
        [SOCKPATH_ENV] = "set by SUPD_SOCKET",
        [SOCKPATH_ROOT] = "the default for root",
        [SOCKPATH_RUNTIME] = "the default, from XDG_RUNTIME_DIR",
        [SOCKPATH_TMP] = "the default without XDG_RUNTIME_DIR",
    };
    return texts[from];
}
