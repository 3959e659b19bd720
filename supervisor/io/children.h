/* A quick look at who is whose child, as the kernel has it: files of /proc that no process can make
 * slow, read without memory of our own. Where there is no /proc, or the kernel has no such list,
 * the answer is that nobody knows. */
#ifndef IO_CHILDREN_H
#define IO_CHILDREN_H

#include "supervisor/core/kin.h"

#include <stdbool.h>

/* False: it has seen enough. */
typedef bool children_fn(void *obj, int pid);

/* Calls fn for each child of a process that has one thread, zombies included, the newest last.
 * False when that is not known. */
bool children_of_one(int pid, children_fn *fn, void *obj);
/* The same for a process with all its threads, whose lists are counted down: none is read below 1,
 * so that nobody holds us up with ten thousand threads. */
bool children_of(int pid, int *lists, children_fn *fn, void *obj);
/* Parent, group, session and start of a process; false if it is gone. */
bool children_stat(int pid, struct kin *out);
/* True where /proc can be read at all. */
bool children_known(void);

#endif
