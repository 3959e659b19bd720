/* When which process has something to do: the deadlines of all of them behind one timer, since a
 * timer of its own would be a third of what a process costs. */
#ifndef RUN_DUE_H
#define RUN_DUE_H

#include "supervisor/io/loop.h"

struct proc;

/* A heap, the next one first. A process knows its place in it: proc.due. */
struct due_list {
    struct due {
        mono_t at;
        struct proc *p;
    } * v;
    uint32_t n, room;
    struct loop *loop;
    struct loop_timer timer;
    void (*fn)(struct proc *p);
};

/* fn(p) is called once for each deadline that is reached. */
void due_init(struct due_list *d, struct loop *l, void (*fn)(struct proc *p));
void due_fini(struct due_list *d);
/* Makes room for n processes, so that due_at needs no memory; 0, or -1 when there is none. */
int due_reserve(struct due_list *d, uint32_t n);
/* The process's deadline, instead of an earlier one; 0: it has none. */
void due_at(struct due_list *d, struct proc *p, mono_t deadline);

/* Time that is given again, once, after a deadline that we come to so late that we stood still, and
 * perhaps all others, too (a frozen container, a suspended machine): 0 if it is not that late. */
dur_t due_forgiven(mono_t deadline, mono_t now);

#endif
