/* Finds and reads "oom_kill N", which both versions of control groups have. */
#include "supervisor/run/oom.h"
#include "supervisor/base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"

static size_t read_text(int fd, char *buf, size_t size)
{
    ssize_t n = pread(fd, buf, size - 1, 0);
    buf[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static bool count(int fd, uint64_t *out)
{
    char text[1024];
    read_text(fd, text, sizeof(text));
    const char *at = strncmp(text, "oom_kill ", 9) == 0 ? text : strstr(text, "\noom_kill ");
    if (at)
        *out = strtoull(strchr(at, ' '), NULL, 10);
    return at;
}

static bool try_file(struct oom *o, const char *folder, const char *group, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), ROOT "%s%s/%s", folder, group, name);
    int fd = n < (int)sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0 && count(fd, &o->seen)) {
        o->fd = fd;
        return true;
    }
    fd_close(&fd);
    return false;
}

/* The group behind "0::" or "4:memory:" in /proc/self/cgroup, "" where it is the root or unknown.
 */
static char *group_of(char *text, const char *mark, char *out, size_t size)
{
    const char *at = strstr(text, mark);
    size_t n = at ? strcspn(at + strlen(mark), "\n") : 0;
    out[0] = '\0';
    if (n > 1 && n < size) {
        memcpy(out, at + strlen(mark), n);
        out[n] = '\0';
    }
    return out;
}

/* One that goes on for another may be in a group of its own below the one that is meant (cgroup.h).
 */
static void leave_leaf(char *group)
{
    static const char leaf[] = "/supd";
    size_t n = strlen(group), k = sizeof(leaf) - 1;
    if (n < k || strcmp(group + n - k, leaf) != 0)
        return;
    group[n - k] = '\0';
    char *base = strrchr(group, '/');
    if (base && strncmp(base, "/supd-", 6) == 0)
        *base = '\0';
    else
        group[n - k] = '/';
}

void oom_open(struct oom *o)
{
    char text[4096] = "", group[1024];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    *o = (struct oom){0};
    if (fd >= 0)
        read_text(fd, text, sizeof(text));
    fd_close(&fd);
    leave_leaf(group_of(text, "0::", group, sizeof(group)));
    if (try_file(o, "", group, "memory.events") || try_file(o, "", "", "memory.events"))
        return;
    group_of(text, ":memory:", group, sizeof(group));
    if (!try_file(o, "/memory", group, "memory.oom_control"))
        try_file(o, "/memory", "", "memory.oom_control");
}

void oom_close(struct oom *o)
{
    if (o->fd > 0)
        close(o->fd);
    o->fd = 0;
}

/* What it killed so long ago was no program of ours, but something that one had started. */
#define STALE DUR_S(1)

bool oom_struck(struct oom *o, bool killed, mono_t now)
{
    uint64_t seen = o->seen;
    if (!o->fd || !count(o->fd, &seen))
        return false;
    if (mono_sub(now, o->since).ns > STALE.ns)
        o->open = 0;
    if (seen > o->seen) {
        o->open += seen - o->seen;
        o->since = now;
    }
    o->seen = seen;
    if (!killed || !o->open)
        return false;
    o->open--;
    return true;
}
