/* How a kind of probe makes one attempt. One driver a kind (probes/driver_KIND.c), listed by
 * probes/judge/kinds.def. */
#ifndef PROBES_DRIVER_H
#define PROBES_DRIVER_H

#include "probes/judge/probe.h"
#include "probes/judge/verdict.h"
#include "supervisor/io/loop.h"

struct attempt; /* the driver's own */

/* What drivers share: the loop and the ports that live as long as the agent. */
struct driver_env;

/* Called once for each attempt that was not cancelled, at the end of a turn, never from inside
 * start; the verdict is valid during the call. */
typedef void attempt_done_fn(void *obj, const struct verdict *v);

struct attempt_request {
    struct driver_env *env;
    const struct item *item;
    void **held;     /* what the driver keeps between attempts of this probe; NULL at first */
    uint64_t run;    /* the number of this attempt, from 1 */
    mono_t deadline; /* the attempt must have been answered by then; the driver keeps to it */
    attempt_done_fn *done;
    void *obj;
};

struct driver {
    const struct kind *kind;
    /* Begins an attempt. Never NULL: what cannot even begin is answered as a verdict. */
    struct attempt *(*start)(const struct attempt_request *rq);
    /* Ends it without an answer, and frees it (an answered attempt is freed by the driver). */
    void (*cancel)(struct attempt **a);
    /* What the load child cannot check, since it needs a foreign library (does a pattern compile?):
     * 0, or -1 and the reason, which begins with the option's name. May be NULL. */
    int (*check)(const struct item *item, struct err *e);
    /* Frees what is held, when the probe goes; may be NULL. What is held must not point into an
     * item: the item is another one after a reload. */
    void (*drop)(void **held);
};

#endif
