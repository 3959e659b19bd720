/* From a process's record to a spawn request: arguments, environment, descriptors. */
#ifndef RUN_LAUNCH_H
#define RUN_LAUNCH_H

#include "supervisor/io/spawn.h"
#include "supervisor/run/procs.h"

enum launch_result {
    LAUNCH_STARTED, /* *out_pid is the child */
    LAUNCH_BUSY,    /* no spawn slot is free; try again soon */
    LAUNCH_REFUSED, /* the kernel lacks resources */
    LAUNCH_FAILED,  /* it cannot start; launch_explain says why */
};

enum launch_result launch(struct proc *p, int *out_pid);
/* The sentence for the last failed start. */
void launch_explain(const struct proc *p, char *buf, size_t size);

/* The code and Supervisor's words for it, in buf, where the last start failed for its command: that
 * is none, not there, or may not be executed. NULL: it did not. */
const char *launch_fault(const struct proc *p, char *buf, size_t size);
/* The same of a start that somebody else tried, as supd; cell NULL: nobody did. */
const char *launch_fault_seen(const struct proc *p, const struct spawn_cell *cell, char *buf,
                              size_t size);

/* A request for another command of the program: as its user, in its folder and environment, with
 * its limits, to its logs; with no input. What the arrays point to has to stay until the exec. */
void launch_command(const struct proc *p, char *const *argv, char *const *candidates,
                    struct spawn_request *rq);

/* Puts KEY=value into the environment of a request that is being made, with room for as many more
 * bytes behind it (NULs); instead of what is there under that key. The place behind the value.
 * There is room for NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, else NULL. */
char *launch_env(struct proc *p, struct spawn_request *rq, const char *key, const char *value,
                 size_t room);

/* The request for a command that is run beside a process of this record: its user, folder, limits
 * and environment, with further variables, each with its NUL, in more. Descriptors are left to the
 * caller. Valid until the next start. False: no memory. */
bool launch_beside(struct sup *s, const struct gen *g, const struct gen_proc *c,
                   const struct gen_command *command, const struct str *more,
                   struct spawn_request *rq);
#define LAUNCH_MORE_MAX 32 /* variables */

/* Room for the largest argv, envp and candidates of a generation; called once per generation, so
 * that a start allocates nothing. 0, or -1 when there is no memory. */
int launch_reserve(struct sup *s, const struct gen *g);

#endif
