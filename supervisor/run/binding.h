/* Listening sockets, made by a forked copy of supd (io/binder.h) that hands them back. */
#ifndef RUN_BINDING_H
#define RUN_BINDING_H

#include "supervisor/io/binder.h"
#include "supervisor/run/sup.h"

#define BINDING_MAX 64u /* at once */

/* Told of each request in its order, the last one at the end: the socket, which is the callee's
 * then; or -1 and the reason. */
typedef void binding_fn(void *obj, size_t i, int fd, const struct err *why);

/* Embedded in the object that owns it; all zero: nothing is under way. */
struct binding {
    const struct bind_request *v; /* for the child */
    size_t n;                     /* 0: nothing is under way */
    binding_fn *fn;
    void *obj;
    int pair[2]; /* our end, the child's */
};

/* Makes up to BINDING_MAX sockets; the requests need not stay. 0: fn will be called for each of
 * them (in the last call the next may be begun); or -1 and the reason. */
int binding_begin(struct sup *s, struct binding *b, const struct bind_request *v, size_t n,
                  binding_fn *fn, void *obj, struct err *e);
/* Forgets what is under way; fn is not called. */
void binding_fini(struct sup *s, struct binding *b);

#endif
