/* Where a browser's request comes from. Pure. */
#ifndef CORE_ORIGIN_H
#define CORE_ORIGIN_H

#include <stdbool.h>

/* Headers of a request; NULL: it has none of that name. */
struct origin {
    const char *site;   /* Sec-Fetch-Site */
    const char *origin; /* Origin */
    const char *host;   /* Host */
};

/* True if a page of another site made a browser send it, with whatever rights the browser has. What
 * is no browser sends neither of the first two headers. */
bool origin_is_foreign(const struct origin *o);

/* True if no other can have made a browser take this host for ours: an address, localhost, none, or
 * one of the names (comma separated; "*": any). A page's own name may lead to us, too. */
bool origin_is_ours(const char *host, const char *names);

#endif
