/* What procs.c, procsignal.c, procupdate.c, revive.c and errand.c share. */
#ifndef RUN_PROCS_IMPL_H
#define RUN_PROCS_IMPL_H

#include "supervisor/run/procs.h"

/* One event for its machine, and what follows. */
void proc_feed(struct proc *p, struct proc_in in);
/* Its waiters are told of a change. */
void proc_tell(struct proc *p, const struct proc_change *c);
void proc_tell_gone(struct proc *p);
/* It is found by this pid from now on. */
void proc_hash(struct proc *p, int pid);
/* It waits for its start. */
void proc_enqueue(struct proc *p);
/* The signal as the record has it until it was sent; sends it. */
uint32_t proc_signal_word(const struct proc_out *out);
void proc_send_signal(struct proc *p, const struct proc_out *out);
/* Sends the signal that its record says is to be sent. */
void proc_signal_again(struct proc *p);
/* A number that the kernel gave to a new process is no group's any more: a group that we still
 * sweep under it has gone, and what comes now is not to be hit in its place. */
void procs_number_taken(struct sup *s, int pid);
/* Its sweep and its deadline as its life says. */
void proc_arm(struct proc *p);

#endif
