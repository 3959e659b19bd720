/* Errands: commands that are run beside a process of a program: stop_command, reload_command and
 * the hooks. Each is a child with the program's user, folder and environment, writes to the
 * program's log, and has a time limit. Hooks wait in a queue, and few of them run at once; of one
 * process one at a time, in the order of what happened. What waits and what runs stands in the
 * state, so that a successor goes on with it. */
#ifndef RUN_ERRAND_H
#define RUN_ERRAND_H

#include "supervisor/run/procs.h"

#define ERRAND_HOOKS_AT_ONCE 8u
#define ERRAND_HOOKS_MAX 1024u  /* wait at most */
#define ERRAND_HOOKS_OF_ONE 16u /* of one process */

/* Called once when it has ended: failure is NULL, or says why it failed. */
typedef void errand_done_fn(void *obj, const char *failure);

struct errand_facts {
    int pid;        /* of the instance that it is about */
    uint16_t state; /* enum proc_state */
    uint16_t why;   /* enum proc_why */
    bool has_exit;  /* status and expected are known */
    int status;     /* a wait status */
    bool expected;
};

/* Runs a command of the process; its time begins now. done, unless it is NULL, is called later,
 * never from in here. 0, or -1 and the reason; then done is not called. */
int errand_run(struct proc *p, unsigned which, const struct errand_facts *facts,
               errand_done_fn *done, void *obj, struct err *e);
/* The same for a hook, when it is its turn. One that has no room is lost, which is logged. */
void errand_hook(struct proc *p, unsigned which, const struct errand_facts *facts);
/* Kills the command of the process, if it runs; its end follows. */
void errand_kill(struct proc *p, unsigned which);
/* True while one of this kind waits or runs. */
bool errand_busy(const struct proc *p, unsigned which);
/* Nobody waits any more for what calls with this obj. */
void errands_forget(struct sup *s, const void *obj);
/* The process is about to be freed: its errands go on without it. */
void errands_orphan(struct proc *p);

/* From the reap loop: a child was seen dead (what it leaves in its group is ended), was reaped.
 * True: it was an errand. */
bool errands_peeked(struct sup *s, int pid);
bool errands_reaped(struct sup *s, int pid, int status);

/* What a state holds of them: before the processes go on, and after. */
void errands_revive(struct sup *s, struct proc *const *by_slot,
                    struct live_gen *(*find)(void *obj, uint32_t id), void *obj);
/* All programs are down for good: all but the hooks about ends are ended. True if some of those
 * wait or run. */
bool errands_only_ends(struct sup *s);
/* True if this child runs one, or leads the group of one: it is no program's, and nobody's orphan.
 */
bool errand_is(const struct sup *s, int pid);
/* Those that waited for the end of a look for orphans (proc.sought) may start. */
void errands_go_on(struct sup *s);
/* True while any waits or runs. */
bool errands_any(const struct sup *s);
/* Ends all: says what was cut short or not run. */
void errands_end(struct sup *s);
void errands_free(struct sup *s);

#endif
