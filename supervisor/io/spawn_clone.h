/* The calls that make a child of the spawn port. Private to it. */
#ifndef IO_SPAWN_CLONE_H
#define IO_SPAWN_CLONE_H

#include "supervisor/io/spawn_child.h"

#include <stddef.h>

/* A child that shares our memory and descriptors until its exec, on a stack of its own. */
struct spawn_clone {
    int32_t *alive; /* the kernel clears it when the child no longer shares */
    int32_t *pid;   /* and writes its pid here before it runs */
    char *stack;
    size_t room;
    struct spawn_job *job; /* what it runs */
};

/* Each returns the pid or -errno; cgroup: the folder of a group that it is made in, 0: ours. */
long spawn_clone3(const struct spawn_clone *c, int cgroup);
long spawn_clone2(const struct spawn_clone *c);
/* A forked child, 0 in it. Where it cannot be made in that group it is made in ours. */
long spawn_fork(struct spawn_cell *cell, int cgroup, bool *out_in_cgroup);

#endif
