/* The order of programs that have depends_on=, after=, type= or ready=: a start waits until what it
 * names is there, a stop of several until what needs it is gone. All others know nothing of it. */
#ifndef RUN_ORDER_H
#define RUN_ORDER_H

#include "supervisor/base/str.h"
#include "supervisor/core/order.h"
#include "supervisor/io/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct sup;
struct proc;
struct order_node;

TAILQ_HEAD(order_queue, order_node);

/* What supd has of it; all zero while no program has an order. */
struct order_book {
    struct order_node **by_slot; /* room of them */
    uint32_t room, n;            /* n: nodes */
    uint32_t epoch;              /* of the groups: changes with each that comes or goes */
    uint32_t marks;              /* walks so far (ordercircle.c) */
    unsigned nleaving;
    bool changed;            /* who waits, or for whom: circles are to be looked for */
    struct order_queue held; /* in the order of their coming */
    struct loop_defer look;
};

void order_init(struct sup *s);
void order_fini(struct sup *s);
/* A group was added or removed. */
void order_groups_changed(struct sup *s);

/* The process follows a record now; revived: it is one that another supd left. */
void order_follow(struct proc *p, bool revived);
/* It is about to be freed. */
void order_forget(struct proc *p);

/* Its start is due. False: it waits, and is queued again when it need not any more. */
bool order_lets_start(struct proc *p);
/* What it waited for is of no interest any more: its start was cancelled. */
void order_let_go(struct proc *p);
/* Something happened to it: those that look at it are looked at. */
void order_moved(struct proc *p);
/* It was asked for by hand while it waits: what it waits for is asked for again, too. */
void order_ask_again(struct proc *p);

/* It is to be stopped, and with again started after that. True: it will be, once those that need it
 * and are on their way down have gone. False: nothing speaks against doing it now. */
bool order_leaves(struct proc *p, bool again);
/* That is over: it was done, or is not wanted any more. */
void order_stays(struct proc *p);
/* Marks (proc.needed) what processes that are up need; leaving: only those on their way down. */
void order_mark_needed(struct sup *s, bool leaving);

/* It waits for others; and for what does not come by itself. */
bool order_is_held(const struct proc *p);
bool order_is_stuck(const struct proc *p);
/* The verdict about one process, as if another waited for it. */
enum order_verdict order_of(const struct proc *p, enum order_when when);
/* Appends what it waits for, "db: BACKOFF, 2 of 5; migrate: STARTING"; nothing if it does not. */
void order_waits_for(const struct proc *p, struct str *out);
/* Appends its state in a few words. */
void order_state(const struct proc *p, struct str *out);

#endif
