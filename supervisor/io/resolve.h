/* Names to addresses (c-ares behind it): /etc/hosts and DNS, never blocking, each question with a
 * deadline of its own. Answers are kept as long as their TTL says, and one question to the servers
 * serves all who ask for the same name meanwhile, so that a thousand probes of one name are one
 * query, and a dead server costs each of them its deadline and nobody else anything. */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include "supervisor/io/loop.h"
#include "supervisor/io/netaddr.h"

struct resolve;
struct resolve_query;

enum resolve_status {
    RESOLVE_OK,
    RESOLVE_NOT_FOUND, /* there is no such name, or it has no such address */
    RESOLVE_TIMEOUT,   /* no server answered, or not before the deadline */
    RESOLVE_FAILED,    /* servers answered with an error, or could not be asked */
};

#define RESOLVE_ADDRS 8
struct resolve_result {
    enum resolve_status status;
    struct netaddr addrs[RESOLVE_ADDRS]; /* in the order in which they should be tried */
    size_t naddrs;
    bool cached;
    /* "cannot resolve api: no such name"; "" if it was resolved */
    char text[384];
};
/* Called once, at the end of a turn; the result is valid during the call. */
typedef void resolve_done_fn(void *obj, const struct resolve_result *r);

struct resolve_request {
    const char *name; /* copied; an address is its own answer */
    int family;       /* 4, 6 or 0 for both */
    unsigned port;    /* put into the addresses */
    mono_t deadline;
    resolve_done_fn *done;
    void *obj;
};

/* servers: "192.0.2.1:5353,..." instead of those of /etc/resolv.conf, or NULL. A changed
 * resolv.conf is noticed. NULL and the reason; the loop must outlive it. */
struct resolve *resolve_new(struct loop *l, const char *servers, struct err *e);
/* Nothing may be asked any more; queries that run are dropped without an answer. */
void resolve_free(struct resolve **r);
/* Never NULL. The query is gone when done is called. */
struct resolve_query *resolve_start(struct resolve *r, const struct resolve_request *rq);
/* Ends it without an answer; NULL is fine. */
void resolve_cancel(struct resolve_query **q);
/* Questions put to the library so far (the cache and shared questions do not count). */
uint64_t resolve_asked(const struct resolve *r);

#endif
