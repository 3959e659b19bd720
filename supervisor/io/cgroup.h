/* Control groups, version 2, where supd's own is delegated to it: one below it for each program, so
 * that nobody who was started in it can get out of sight, and all of it ends with one write. Never
 * required: where anything of it is missing, there are none. */
#ifndef IO_CGROUP_H
#define IO_CGROUP_H

#include "supervisor/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroups {
    int base;  /* the folder of ours, O_PATH; 0: there are none */
    int above; /* the one that it is in */
    char name[80];
};

/* Looks once whether we may: our own group is not the machine's root, it can be ended as a whole,
 * and a group can be made in it. again: it was made by a supd that we go on for. */
void cgroups_open(struct cgroups *c, const char *name, bool again);
/* Removes what is empty. */
void cgroups_close(struct cgroups *c);

/* A descriptor of the group of this number for spawn_request.cgroup, made if need be, or 0. */
int cgroup_enter(struct cgroups *c, uint32_t number);
/* 1: somebody is in it; 0: nobody; -1: that cannot be told. */
int cgroup_populated(const struct cgroups *c, uint32_t number);
/* SIGKILL for all in it and below, at once. */
bool cgroup_kill(const struct cgroups *c, uint32_t number);
/* The pids in it as a text with line ends, cut at size; -1 if it cannot be read. */
long cgroup_pids(const struct cgroups *c, uint32_t number, char *buf, size_t size);
void cgroup_remove(const struct cgroups *c, uint32_t number);

#endif
