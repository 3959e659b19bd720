/* What the files of the process machine share; nobody else includes this. */
#ifndef CORE_PROC_STEP_H
#define CORE_PROC_STEP_H

#include "supervisor/core/proc.h"

/* proc_life.restart: who asked for the start that waits */
enum { HOLD_NONE, HOLD_OPERATOR, HOLD_AUTO, HOLD_MEMORY, HOLD_HUNG };

/* one call of proc_step, as its handlers see it */
struct step {
    const struct proc_policy *p;
    struct proc_life *l;
    const struct proc_in *in;
    struct proc_out *out;
    int pid; /* the instance that changes are about */
};

typedef void proc_handler(struct step *s);

/* proc_start.c: the way up and the deaths that were not asked for */
extern proc_handler proc_on_begin, proc_on_spawned, proc_on_delayed, proc_on_delayed_up,
    proc_on_start_due, proc_on_cannot, proc_on_start_exit, proc_on_exit_up, proc_on_retry_due,
    proc_on_ready, proc_on_unfit;
/* proc_stop.c: the way down and the sweep of what a dead leader leaves */
extern proc_handler proc_on_stop, proc_on_again, proc_on_unstop, proc_on_unhold, proc_on_unfatal,
    proc_on_rest, proc_on_calm, proc_on_calm_again, proc_on_quit, proc_on_stray, proc_on_hasten,
    proc_on_stop_exit, proc_on_stop_due, proc_on_command, proc_on_empty, proc_on_lost,
    proc_on_sweep_due;
/* proc_told.c: what it says of itself */
extern proc_handler proc_on_hung, proc_on_extend;
/* proc_policy.c: a changed configuration */
extern proc_handler proc_on_new_start, proc_on_new_backoff, proc_on_new_stop, proc_on_new_fatal,
    proc_on_new_sweep;

/* The only place that changes the state: notes the change, clears due. */
void proc_change_to(struct step *s, enum proc_state to, enum proc_why why);
/* now + d; now if d is not above 0 */
mono_t proc_after(const struct step *s, dur_t d);
/* first, doubled n times, at most max */
dur_t proc_doubled(dur_t first, unsigned n, dur_t max);
/* BOOT, OPERATOR, UPDATE, MEMORY or SHUTDOWN: what the event stands for */
enum proc_why proc_asked_by(const struct step *s);
/* Starts now, or once the leftovers of the last instance are gone. */
void proc_begin(struct step *s, enum proc_why why);
/* Starts again what was stopped for its memory, unless that was once too often. */
void proc_begin_afresh(struct step *s);
/* A child exists: what is noted of every new instance. */
void proc_adopt(struct step *s);
/* Notes the death of the instance, or that there was none. */
void proc_bury(struct step *s);
/* A hung instance has ended: that is a failure, however it ended. */
void proc_end_hung(struct step *s);
/* Others of the dead leader's group are alive, and are not to be. */
bool proc_leftovers(const struct step *s);
/* The next signal of the stop sequence, or KILL. */
void proc_stop_signal(struct step *s);
/* Begins to end them. */
void proc_sweep_begin(struct step *s);

#endif
