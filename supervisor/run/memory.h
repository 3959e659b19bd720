/* How much memory programs may use: memory_high and memory_max, and the reason of a death that
 * memory had to do with. */
#ifndef RUN_MEMORY_H
#define RUN_MEMORY_H

#include "supervisor/base/str.h"
#include "supervisor/io/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct sup;
struct proc;

#define MEMORY_KILLED 8u

/* The look at all programs that have one of the two; no timer runs while there is none. */
struct memory_watch {
    struct loop_timer timer;
    uint32_t next;             /* how many processes were looked at in this round */
    bool any, close;           /* in this round: a program has a limit; one is near it */
    bool said;                 /* that one cannot be looked at */
    bool lowering, again;      /* a helper lowers limits; others have changed since it began */
    int killed[MEMORY_KILLED]; /* above memory_max, and not reaped yet */
};

void memory_init(struct sup *s);
void memory_fini(struct sup *s);
/* A child of it is there, or its configuration has changed: it may have limits. */
void memory_watch(struct proc *p);
/* Has the kernel keep memory_max in control groups, if a program of the configuration has it and
 * the kernel may; once, before supd forks anybody. */
void memory_groups(struct sup *s);
/* Before a start of it in its control group: what the kernel killed in that before counts no more.
 */
void memory_fresh_group(struct proc *p);
/* To be asked once at every death, before its machine is told: the status, with PROC_STATUS_OOM,
 * _HIGH or _MAX where that was the reason. */
int memory_reason(struct proc *p, int status);
/* Appends what it uses and may use; nothing for a program without limits. */
void memory_explain(const struct proc *p, struct str *out);

#endif
