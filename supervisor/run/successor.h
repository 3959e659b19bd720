/* The end of a main process that named another one with MAINPID: the program goes on as that. */
#ifndef RUN_SUCCESSOR_H
#define RUN_SUCCESSOR_H

#include "supervisor/run/procs.h"

/* From the reap loop, before its machine knows of the death: hears what it said last. True: another
 * process is its main one from now on, and nothing has ended. Else *status may have a reason more.
 */
bool successor_takes_over(struct proc *p, int *status);

#endif
