/* What a new child does until its exec. Private to the spawn port. */
#ifndef IO_SPAWN_CHILD_H
#define IO_SPAWN_CHILD_H

#include "supervisor/io/spawn.h"

/* Everything the child needs, in memory that nobody touches until it has exec'd. */
struct spawn_job {
    char *const *argv, *const *envp, *const *candidates;
    const char *directory;
    const uint32_t *groups; /* NULL: stay */
    uint32_t ngroups;
    int64_t uid, gid;
    int umask;
    int fds[3];      /* what becomes 0, 1, 2 */
    uint64_t ignore; /* signals to ignore, bit n-1 */
    uint64_t reset;  /* signals to set to their default */
    bool setsid;
    bool has_nofile, has_fsize;
    const struct attrs *attrs; /* NULL: none */
    const char *read_only, *read_write;
    const void *filter;
    uint16_t nfilter;
    int parent;             /* supd's pid */
    bool no_close_range;    /* denied: close one by one */
    uint32_t first_foreign; /* > 0: the descriptor table is the parent's, too; none of ours is
                               below this number, so only those are copied */
    uint64_t nofile[2];     /* soft, hard */
    uint64_t fsize[2];
    struct spawn_cell *cell;
    int32_t *unshared; /* set to 1 once the parent's descriptors are out of reach; may be NULL */
};

/* Whether it is asked for. */
bool spawn_attr_wanted(const struct spawn_job *j, unsigned attr);
/* What may be refused is noted, and the start goes on. */
long spawn_attr_judge(const struct spawn_job *j, unsigned attr, long r);

/* The steps that do what attrs says, each in its place between the others. */
long spawn_attr_limits(const struct spawn_job *j);
long spawn_attr_nice(const struct spawn_job *j);
long spawn_attr_ionice(const struct spawn_job *j);
long spawn_attr_oom(const struct spawn_job *j);
long spawn_attr_cpus(const struct spawn_job *j);
long spawn_attr_memory(const struct spawn_job *j);
long spawn_attr_caps(const struct spawn_job *j);
long spawn_attr_ambient(const struct spawn_job *j);
long spawn_attr_last(const struct spawn_job *j);
long spawn_attr_seccomp(const struct spawn_job *j);
/* The same for what needs a mount namespace (spawn_mounts.c), which is the first of them. */
long spawn_mounts_namespace(const struct spawn_job *j);
long spawn_mounts_read_only(const struct spawn_job *j);
long spawn_mounts_tmp(const struct spawn_job *j);

/* Runs the steps and execs; on a failure writes the cell and exits with 127. arg: a spawn_job. */
void spawn_child_run(void *arg) __attribute__((noreturn));

#endif
