/* What a program waits for: the judgement about one process of a dependency, as facts to a verdict
 * and a sentence. Pure; run/order.c gathers the facts. */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include "supervisor/core/proc.h"
#include "supervisor/core/ready.h"

/* One process that another waits for. */
struct order_fact {
    const struct proc_life *life;
    const struct proc_policy *policy;
    bool lost;    /* its source says that it is not ready any more */
    bool leaving; /* it is about to be stopped, and waits for its turn */
    bool again;   /* and it is to start again after that */
    bool held;    /* it has not begun, since it waits itself */
    bool stuck;   /* and what it waits for does not come by itself */
};

enum order_verdict {
    ORDER_MET,
    ORDER_WAIT,  /* not yet, but it is on its way */
    ORDER_NEVER, /* not unless somebody starts it */
};

/* hard: depends_on=. What is only after= is not waited for when it is not on its way, or has failed
 * once: that is MET, then. */
enum order_verdict order_judge(enum order_when when, bool hard, const struct order_fact *f);

/* "ready", "done", "started" as people write it. */
const char *order_when_name(enum order_when w);
/* The number of that name, or -1. */
int order_when_by_name(const char *name);
/* Appends in which state it is, in a few words: "BACKOFF, 2 of 5", "STARTING, not ready yet". */
void order_say(const struct order_fact *f, struct str *out);

#endif
