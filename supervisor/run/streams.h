/* The log streams of a process: made, changed and dropped as its configuration says. */
#ifndef RUN_STREAMS_H
#define RUN_STREAMS_H

#include "supervisor/run/procs.h"

/* Output that goes nowhere (NONE) is kept in memory for `tail`, but not that of more processes than
 * this: it is not worth two descriptors of each. */
#define STREAMS_TAIL_PROCS 256u

/* Makes p->log[] fit p->conf; 0, or -1 and the reason ("needs N descriptors, limit M"). */
int streams_sync(struct proc *p, struct err *e);
/* True if a running process was started without a pipe that these options want: a new place for its
 * output takes effect with the next start only. */
bool streams_missing(const struct proc *p, const struct gen_opts *o);
/* True if a stream that its configuration needs is not there. */
bool streams_incomplete(const struct proc *p);
void streams_drop(struct proc *p);
/* True if the output of that channel (0 or 1) needs a pipe. */
bool streams_needed(const struct gen_opts *o, int channel);
/* "web" of the section "program:web". */
const char *streams_program(const struct proc *p);

/* A run is about to be started; it has ended, or came to nothing. */
void streams_began(struct proc *p);
void streams_ended(struct proc *p);

#endif
