/* The one child of plain init. */
#ifndef INIT_CHILD_H
#define INIT_CHILD_H

#include "supervisor/init/plan.h"

#include <signal.h>

/* What we were born with. */
struct init_entry {
    sigset_t mask;
    uint64_t ignored; /* bit n-1: signal n was ignored */
};

/* Saves the entry state, blocks every signal and sets SIGCHLD to its default: an inherited "ignore"
 * would let the kernel reap the child, and its exit status with it. */
void init_enter(struct init_entry *out);
/* Starts the command. Returns its pid, or -1 and errno. The child says itself why it cannot exec,
 * and exits with the plan's status. */
int init_child_start(const struct init_plan *plan, const struct init_entry *entry);

#endif
