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
    bool memory; /* the kernel keeps limits of memory in them */
};

/* Looks once whether we may: our own group is not the machine's root, it can be ended as a whole,
 * and a group can be made in it. again: it was made by a supd that we go on for. */
void cgroups_open(struct cgroups *c, const char *name, bool again);
/* The same below a folder that is taken for our own group, which belongs to it from now on. */
void cgroups_open_at(struct cgroups *c, int own, const char *name, bool again);
/* Has the kernel keep limits of memory in our groups, where the controller is delegated, too. A
 * group that hands a controller down has no processes of its own, so we go into one beside the
 * programs'; before anybody is forked who would stay. False: it cannot be had, and nothing has
 * changed. */
bool cgroups_take_memory(struct cgroups *c);
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
/* What all in it may use together, 0: any amount. Above that the kernel ends all of it. */
bool cgroup_limit_memory(const struct cgroups *c, uint32_t number, uint64_t max);
/* True: that may take long, since the kernel would first take back what they use above it. For a
 * process that may wait. */
bool cgroup_limit_waits(const struct cgroups *c, uint32_t number, uint64_t max);
/* What the kernel has killed in it since it was made. */
enum cgroup_oom {
    CGROUP_OOM_NONE,
    CGROUP_OOM_LIMIT, /* above its own limit */
    CGROUP_OOM_ABOVE, /* of a group above it, or of the machine */
};
enum cgroup_oom cgroup_oom(const struct cgroups *c, uint32_t number);
void cgroup_remove(const struct cgroups *c, uint32_t number);

#endif
