/* The log streams of a process: made, changed and dropped as its configuration says. */
#ifndef RUN_STREAMS_H
#define RUN_STREAMS_H

#include "supervisor/run/procs.h"

/* Makes p->log[] fit p->conf; 0, or -1 and the reason ("needs N descriptors, limit M"). */
int streams_sync(struct proc *p, struct err *e);
void streams_drop(struct proc *p);

#endif
