/* Says what happened: in the log, in Supervisor's words, and to the subscribers of the control
 * socket. An exit is published after its last output was taken up, or 200 ms later. */
#ifndef RUN_PUBLISH_H
#define RUN_PUBLISH_H

#include "supervisor/run/procs.h"

void publish_change(struct proc *p, const struct proc_change *c);
/* The instance before.pid ended by the event in; before: the life that it ended. */
void publish_exit(struct proc *p, const struct proc_life *before, const struct proc_in *in);
void publish_spawned(struct proc *p, int pid);
/* What the kernel refused and options call optional, of programs without startsecs, which are
 * RUNNING before their child has come so far. True: one may not have yet. */
bool publish_refused(struct sup *s);
void publish_killing(struct proc *p, int pid);
void publish_group(struct sup *s, const char *name, bool added);
void publish_mood(struct sup *s, const char *mood);
/* Output of this instance is about to be published: what is held back up to its start comes first.
 */
void publish_before_text(struct proc *p, int pid);
/* Nobody will be told any more: what is held back goes out now. */
void publish_rest(struct sup *s);
/* The process is about to be freed: what is held back goes out now. */
void publish_forget(struct proc *p);

#endif
