/* Where a browser's request comes from. */
#include "supervisor/core/origin.h"

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
