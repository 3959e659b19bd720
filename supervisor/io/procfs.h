/* A thorough look at all processes, for helpers only: some of these files wait for the process that
 * they are about, and what is read needs memory. */
#ifndef IO_PROCFS_H
#define IO_PROCFS_H

#include "supervisor/core/kin.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct kin_list {
    struct kin *v; /* by pid; free(v) */
    size_t n;
};

/* All processes that can be seen. */
void procfs_scan(struct kin_list *out);
/* A file of a process ("environ") with a NUL behind it; its length, or -1 and errno. */
ssize_t procfs_read(int pid, const char *file, char *buf, size_t size);
/* The value of a variable in an environment as the kernel gives it, or NULL. */
const char *procfs_env(const char *env, size_t n, const char *key);
/* Its command line with blanks between the words, or "[name]"; never fails. */
void procfs_command(int pid, char *buf, size_t size);

#define PROCFS_ENVIRON                                                                             \
    (8u << 20) /* room for any environment: what we look for comes last in it                      \
                */
/* The values of three variables of a process, "" where it has none; -1 and errno if its environment
 * cannot be read. buf: PROCFS_ENVIRON bytes. */
#define PROCFS_KEYS 3
#define PROCFS_VALUE 256
int procfs_values(int pid, const char *const keys[PROCFS_KEYS], char *buf,
                  char values[PROCFS_KEYS][PROCFS_VALUE]);
/* The same, for each pid whose environment can be read.
 * Those that may only be read by their own user are read by a child that becomes that user, which
 * has a second for it. Without memory nobody is asked. */
typedef void procfs_env_fn(void *obj, int pid, char values[PROCFS_KEYS][PROCFS_VALUE]);
void procfs_environs(const int *pids, size_t n, const char *const keys[PROCFS_KEYS],
                     procfs_env_fn *fn, void *obj);

/* Sends a signal to this very process and none that came by its number later. 0, or -1 and errno;
 * ESRCH: it is gone. */
int procfs_send(const struct kin *k, int sig);

#endif
