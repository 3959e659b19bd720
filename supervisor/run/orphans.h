/* What programs leave behind outside of their process group: found, ended, reported. The quick part
 * is here, on lists that the kernel has; reading environments and signalling one by one is a
 * helper's work (a round), of which there is one at a time for all programs that wait.
 *
 * A descendant whose parents are dead is our child, as PID 1 or as a subreaper: while we know all
 * our children, nobody has escaped. Where a program has a control group of its own that is asked
 * instead. */
#ifndef RUN_ORPHANS_H
#define RUN_ORPHANS_H

#include "supervisor/run/procs.h"

struct ctl_req;
struct orphans;

int orphans_new(struct sup *s, struct err *e);
void orphans_free(struct sup *s);

/* It is about to be stopped: notes which of its descendants are outside of its group, while their
 * parents live. */
void orphans_note(struct proc *p);
/* Between two of these, one look at our children serves all questions. */
void orphans_look_begin(struct sup *s);
void orphans_look_end(struct sup *s);
/* True if a dead leader's descendants may be alive outside of its group. */
bool orphans_may_live(struct proc *p);
/* A round for it: gives each that is found the signal of its sweep's step, or reports it. When it
 * was the last, proc_left_nobody is called. */
void orphans_seek(struct proc *p);
/* A leader has died by itself: what it left outside of its group is ended a little later. */
void orphans_end_late(struct sup *s);
/* A child was reaped that is no program's leader. */
void orphans_reaped(struct sup *s, int pid);
/* Forgets what was noted of it; for ever: its slot is free for another one. */
void orphans_forget(struct proc *p, bool for_ever);
/* The signal of the step that its sweep, or its stop, is at. */
int orphans_signal(const struct proc *p);

/* Answers a request with a record for each orphan. */
void orphans_list(struct sup *s, struct ctl_req *rq);

#endif
