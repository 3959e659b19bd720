/* What revive.c shares with procs.c. */
#ifndef RUN_PROCS_IMPL_H
#define RUN_PROCS_IMPL_H

#include "supervisor/run/procs.h"

/* One event for its machine, and what follows. */
void proc_feed(struct proc *p, struct proc_in in);
/* It is found by this pid from now on. */
void proc_hash(struct proc *p, int pid);
/* It waits for its start. */
void proc_enqueue(struct proc *p);
/* Its sweep and its deadline as its life says. */
void proc_arm(struct proc *p);

#endif
