/* Where a browser's request comes from. */
#include "supervisor/core/origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Behind a proxy the host may be another one: a browser that knows says it itself. */
bool origin_is_foreign(const struct origin *o)
{
    if (o->site)
        return strcmp(o->site, "same-origin") != 0 && strcmp(o->site, "none") != 0;
    if (!o->origin)
        return false;
    const char *host = strstr(o->origin, "://");
    return !host || !o->host || strcasecmp(host + 3, o->host) != 0;
}

static bool is_name(const char *host, size_t n, const char *name, size_t len)
{
    return n == len && strncasecmp(host, name, n) == 0;
}

static bool is_address(const char *host, size_t n)
{
    if (host[0] == '[')
        return host[n - 1] == ']' && strspn(host + 1, "0123456789abcdefABCDEF:.") == n - 2;
    return strspn(host, "0123456789.") >= n;
}

static bool is_listed(const char *host, size_t n, const char *names)
{
    for (const char *p = names; *p;) {
        size_t len = strcspn(p, ",");
        if (is_name(host, n, p, len) || is_name("*", 1, p, len))
            return true;
        p += len + (p[len] == ',');
    }
    return false;
}

bool origin_is_ours(const char *host, const char *names)
{
    static const char local[] = ".localhost";
    size_t len = sizeof(local) - 1, n;
    if (!host || !*host)
        return true;
    n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (n > strlen(host))
        n--; /* malformed */
    if (n > 1 && host[n - 1] == '.')
        n--;
    return is_address(host, n) || is_name(host, n, local + 1, len - 1) ||
           (n > len && strncasecmp(host + n - len, local, len) == 0) || is_listed(host, n, names);
}
