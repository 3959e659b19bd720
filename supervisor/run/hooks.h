/* When the commands beside a process are run: hooks, stop_command, reload_command. */
#ifndef RUN_HOOKS_H
#define RUN_HOOKS_H

#include "supervisor/run/errand.h"

void hooks_spawned(struct proc *p, int pid);
void hooks_change(struct proc *p, const struct proc_change *c);
/* The instance before.pid ended with this status. */
void hooks_exit(struct proc *p, const struct proc_life *before, int status);
/* Its machine says so: runs its stop_command. The machine is told when that has ended. */
void hooks_stop(struct proc *p);
/* Runs its reload_command, which there has to be. As errand_run. */
int hooks_reload(struct proc *p, errand_done_fn *done, void *obj, struct err *e);

#endif
