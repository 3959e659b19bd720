/* Adds up the statm of a process and of those that it started: the kernel lists the children of
 * each thread. */
#include "supervisor/io/memuse.h"

#include "supervisor/io/children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PROCESSES_MAX = 1000,
    LISTS_MAX = 2000,
    PATH_SIZE = 64,
};

struct tree {
    int n;
    int pid[PROCESSES_MAX];
};

static ssize_t read_once(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, buf, size - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    buf[n > 0 ? n : 0] = '\0';
    return n;
}

/* resident minus shared, in bytes; -1 with errno */
int64_t memuse_one(int pid)
{
    char path[PATH_SIZE], buf[160];
    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    ssize_t n = read_once(path, buf, sizeof(buf));
    if (n < 0)
        return -1;
    unsigned long long size, resident, shared;
    if (sscanf(buf, "%llu %llu %llu", &size, &resident, &shared) != 3) {
        errno = EIO;
        return -1;
    }
    return resident > shared ? (int64_t)(resident - shared) * sysconf(_SC_PAGESIZE) : 0;
}

static bool add(void *obj, int pid)
{
    struct tree *t = obj;
    if (t->n < PROCESSES_MAX)
        t->pid[t->n++] = pid;
    return t->n < PROCESSES_MAX;
}

int64_t memuse_tree(int pid)
{
    struct tree t;
    int lists = LISTS_MAX;
    t.n = 0;
    int64_t sum = memuse_one(pid);
    if (sum < 0)
        return -1;
    children_of(pid, &lists, add, &t);
    for (int i = 0; i < t.n; i++) {
        int64_t n = memuse_one(t.pid[i]);
        sum += n > 0 ? n : 0;
        children_of(t.pid[i], &lists, add, &t);
    }
    return sum;
}
