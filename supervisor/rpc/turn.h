/* One after the other: who wants a turn waits for those that came before. */
#ifndef RPC_TURN_H
#define RPC_TURN_H

#include "supervisor/io/loop.h"

#include <stdbool.h>
#include <sys/queue.h>

struct turn {
    TAILQ_ENTRY(turn) link;
    struct turns *of;
    loop_fn *fn;
    void *obj;
    bool waits;
};

struct turns {
    struct loop *loop;
    struct turn *now; /* whose turn it is; NULL: nobody's */
    TAILQ_HEAD(, turn) waiting;
    struct loop_defer next;
};

void turns_init(struct turns *t, struct loop *l);
/* Nobody waits or has it any more. */
void turns_fini(struct turns *t);
/* Queues: fn(obj) is called when it is its turn, never from inside this. */
void turn_want(struct turns *t, struct turn *me, loop_fn *fn, void *obj);
/* It has had its turn, or does not want it; nothing if it did neither. */
void turn_leave(struct turn *me);
bool turn_has(const struct turn *me);
/* It has the turn that others wait for. */
bool turn_is_wanted(const struct turn *me);

#endif
