/* Who may speak for a program: which process a message comes from, and whether that is one of its
 * own. */
#ifndef RUN_SENDER_H
#define RUN_SENDER_H

#include "supervisor/run/procs.h"

struct notesock_from;

/* True if a message from there is the program's: its main process; with notify_access=all (all)
 * also one of its process group, or a descendant. One that has ended already, or that nobody but us
 * is the parent of, is judged by its user. */
bool sender_is_own(const struct proc *p, int main_pid, bool all, const struct notesock_from *from);
/* True if pid may be the main process of the program: it lives, and is its own as above. */
bool sender_may_be_main(const struct proc *p, int pid);

#endif
