/* The child's side of exec_out.c. */
#ifndef IO_EXEC_CHILD_H
#define IO_EXEC_CHILD_H

#include "supervisor/io/exec_out.h"

#include <sys/types.h>

struct exec_plan {
    char *const *argv, *const *envp;
    char *const *paths; /* what is tried one after another, ends with NULL */
    int in, out;        /* become 0, and 1 and 2 */
    int report;         /* gets the errno of an exec that failed, as an int */
    const struct exec_limits *limits;
};

/* A child that does all of it, in a process group of its own; -1 and errno. It is a plain fork: a
 * vfork would hold us until the exec is done, for ever on a mount that is dead. */
pid_t exec_child(const struct exec_plan *p);

#endif
