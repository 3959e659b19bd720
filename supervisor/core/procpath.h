/* How a process comes from one state to another: what must have happened between two looks at it.
 * Pure. */
#ifndef CORE_PROCPATH_H
#define CORE_PROCPATH_H

#include "supervisor/core/proc.h"

#define PROC_PATH_MAX 8u

/* The states after `from` up to and including `to`, the fewest that can be; with again also where
 * both are the same, since another instance is in it. Returns their number. */
unsigned proc_path(enum proc_state from, enum proc_state to, bool again,
                   enum proc_state out[PROC_PATH_MAX]);

#endif
