/* Adds up the statm of a process and of those that it started: the kernel lists the children of
 * each thread. */
#include "supervisor/io/memuse.h"

#include "supervisor/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PROCESSES_MAX = 1000,
    LISTS_MAX = 2000,
    PATH_SIZE = 64,
    LONE_THREAD = 3 /* links of its task folder */
};

struct tree {
    int lists; /* of children, read so far: nobody holds us up with ten thousand threads */
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
static int64_t own_memory(int pid)
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

static void add(struct tree *t, int pid)
{
    if (pid > 0 && t->n < PROCESSES_MAX)
        t->pid[t->n++] = pid;
}

/* "12 13 14 " */
static void add_children(struct tree *t, int pid, int thread)
{
    char path[PATH_SIZE], buf[1024];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, thread);
    int fd = t->lists++ < LISTS_MAX ? open(path, O_RDONLY | O_CLOEXEC) : -1, child = 0;
    ssize_t n;
    while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            bool digit = buf[i] >= '0' && buf[i] <= '9';
            if (!digit)
                add(t, child);
            child = digit ? child * 10 + (buf[i] - '0') : 0;
        }
    }
    if (fd >= 0)
        close(fd);
}

static void add_of_each_thread(struct tree *t, int pid, const char *folder)
{
    char buf[2048] __attribute__((aligned(__alignof__(struct dirent64))));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t n;
    while (fd >= 0 && t->lists < LISTS_MAX && (n = getdents64(fd, buf, sizeof(buf))) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *d = (const void *)(buf + at);
            int64_t thread;
            if (text_int(d->d_name, 1, INT32_MAX, &thread, NULL) == 0)
                add_children(t, pid, (int)thread);
            at += d->d_reclen;
        }
    }
    if (fd >= 0)
        close(fd);
}

static void add_descendants(struct tree *t, int pid)
{
    char folder[PATH_SIZE];
    struct stat st;
    snprintf(folder, sizeof(folder), "/proc/%d/task", pid);
    if (stat(folder, &st) < 0)
        return;
    if (st.st_nlink == LONE_THREAD)
        add_children(t, pid, pid);
    else
        add_of_each_thread(t, pid, folder);
}

int64_t memuse_tree(int pid)
{
    struct tree t;
    t.n = t.lists = 0;
    int64_t sum = own_memory(pid);
    if (sum < 0)
        return -1;
    add_descendants(&t, pid);
    for (int i = 0; i < t.n; i++) {
        int64_t n = own_memory(t.pid[i]);
        sum += n > 0 ? n : 0;
        add_descendants(&t, t.pid[i]);
    }
    return sum;
}
