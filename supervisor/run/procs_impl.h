/* What procs.c, procend.c, procsignal.c, procupdate.c, revive.c, orphans.c and errand.c share. */
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
/* It is found by none. */
void proc_unhash(struct proc *p);
/* Whose living process, or swept group, has this number; NULL: nobody's. */
struct proc *procs_by_number(struct sup *s, int pid);
/* It waits for its start. */
void proc_enqueue(struct proc *p);
/* The signal as the record has it until it was sent; sends it. */
uint32_t proc_signal_word(const struct proc_out *out);
void proc_send_signal(struct proc *p, const struct proc_out *out);
/* Sends the signal that its record says is to be sent. */
void proc_signal_again(struct proc *p);
/* A look at what its dead leader left; asked: its machine wants one. */
void proc_check_group(struct proc *p, bool asked);
/* Nothing of it is left. */
void proc_left_nobody(struct proc *p);
/* The kernel has given this number to a new process: it is no group's any more. */
void procs_number_taken(struct sup *s, int pgid);
/* A command beside a program has this number now: it is counted, and what its start used is taken
 * back soon. */
void procs_command_started(struct sup *s, int pid);
/* A start that the system has no room for is tried again: the first time it is said. */
void proc_say_shortage(const struct proc *p);
/* Its sweep and its deadline as its life says. */
void proc_arm(struct proc *p);

#endif
