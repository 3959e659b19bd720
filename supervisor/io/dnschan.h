/* c-ares in our loop: one question, one answer. Used by resolve.c alone, which adds deadlines, the
 * cache and cancelling. */
#ifndef IO_DNSCHAN_H
#define IO_DNSCHAN_H

#include "supervisor/io/resolve.h"

struct dnschan;

struct dns_answer {
    enum resolve_status status;
    struct netaddr addrs[RESOLVE_ADDRS]; /* ports are 0 */
    size_t naddrs;
    uint32_t ttl;  /* seconds, the least of all; 0 for /etc/hosts */
    char text[96]; /* "no such name" */
};
/* Called once for each question, possibly from inside dnschan_ask, and from dnschan_free. */
typedef void dns_answer_fn(void *obj, const struct dns_answer *a);

struct dnschan *dnschan_new(struct loop *l, const char *servers, struct err *e);
void dnschan_free(struct dnschan **c);
/* family: 4, 6 or 0 */
void dnschan_ask(struct dnschan *c, const char *name, int family, dns_answer_fn *fn, void *obj);

#endif
