/* Finds our own control group and works below it. */
#include "supervisor/io/cgroup.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAF "supd" /* where we are, when controllers are handed down */
#define FOLDER (O_PATH | O_DIRECTORY | O_CLOEXEC)

static size_t read_text(int at, const char *path, char *buf, size_t size)
{
    int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t r;
    while (fd >= 0 && n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
        n += (size_t)r;
    buf[n] = '\0';
    fd_close(&fd);
    return n;
}

static bool write_text(int at, const char *path, const char *text)
{
    size_t n = strlen(text);
    int fd = openat(at, path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    fd_close(&fd);
    return done;
}

/* A word of a list with blanks between. */
static bool has_word(int at, const char *path, const char *word)
{
    char text[1024], *rest = text, *one;
    read_text(at, path, text, sizeof(text));
    while ((one = strsep(&rest, " \n")))
        if (strcmp(one, word) == 0)
            return true;
    return false;
}

/* "0::/a/b" in /proc/self/cgroup */
static bool own_path(char *out, size_t size)
{
    char text[4096];
    read_text(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
    const char *at = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!at)
        return false;
    at = strchr(at, '/');
    size_t n = at ? strcspn(at, "\n") : 0;
    if (!n || n >= size)
        return false;
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

/* The folder of our group below a mount that shows the hierarchy from root on; -1: not there. */
static int open_below(const char *mount, const char *root, const char *own)
{
    char path[8192];
    size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(own, root, n) != 0 || (own[n] && own[n] != '/'))
        return -1;
    int len = snprintf(path, sizeof(path), "%s%s", mount, own + n);
    return len < (int)sizeof(path) ? open(path, FOLDER) : -1;
}

/* "36 35 0:30 ROOT MOUNT OPTIONS ... - cgroup2 cgroup2 rw" in /proc/self/mountinfo */
static int open_mounted(const char *line, const char *own)
{
    char root[2048], mount[2048];
    if (sscanf(line, "%*s %*s %*s %2047s %2047s", root, mount) != 2)
        return -1;
    return open_below(mount, root, own);
}

/* One that goes on for another is below its own group already. */
static void leave_leaf(char *own, const char *name)
{
    char end[128];
    size_t n = (size_t)snprintf(end, sizeof(end), "/supd-%s/" LEAF, name), len = strlen(own);
    if (len >= n && strcmp(own + len - n, end) == 0)
        own[len - n ? len - n : 1] = '\0';
}

static int open_own(const char *name)
{
    char own[2048], line[8192];
    bool known = own_path(own, sizeof(own));
    if (known)
        leave_leaf(own, name);
    FILE *f = known ? fopen("/proc/self/mountinfo", "re") : NULL;
    int fd = -1;
    while (f && fd < 0 && fgets(line, sizeof(line), f))
        if (strstr(line, " - cgroup2 "))
            fd = open_mounted(line, own);
    if (f)
        fclose(f);
    return fd;
}

/* The machine's root has no such file: it is nobody's but the machine's. */
static bool may_end(int folder)
{
    return faccessat(folder, "cgroup.kill", W_OK, AT_EACCESS) == 0;
}

void cgroups_open(struct cgroups *c, const char *name, bool again)
{
    cgroups_open_at(c, open_own(name), name, again);
}

void cgroups_open_at(struct cgroups *c, int own, const char *name, bool again)
{
    *c = (struct cgroups){0};
    int base = -1;
    if (own >= 0 && may_end(own)) {
        snprintf(c->name, sizeof(c->name), "supd-%s", name);
        if (mkdirat(own, c->name, 0755) == 0 || (again && errno == EEXIST))
            base = openat(own, c->name, FOLDER);
    }
    if (base > 0 && own > 0 && may_end(base)) {
        c->base = base;
        c->above = own;
        c->memory = again && has_word(base, "cgroup.subtree_control", "memory");
        return;
    }
    if (base >= 0)
        unlinkat(own, c->name, AT_REMOVEDIR);
    fd_close(&base);
    fd_close(&own);
}

/* Down to the programs' groups, one after the other. */
static bool hand_down(const struct cgroups *c)
{
    return write_text(c->above, "cgroup.subtree_control", "+memory") &&
           write_text(c->base, "cgroup.subtree_control", "+memory");
}

static void take_back(struct cgroups *c)
{
    write_text(c->base, "cgroup.subtree_control", "-memory");
    write_text(c->above, "cgroup.subtree_control", "-memory");
    write_text(c->above, "cgroup.procs", "0");
    unlinkat(c->base, LEAF, AT_REMOVEDIR);
    c->memory = false;
}

bool cgroups_take_memory(struct cgroups *c)
{
    if (c->memory || !c->base || !has_word(c->above, "cgroup.controllers", "memory"))
        return c->memory;
    if (mkdirat(c->base, LEAF, 0755) < 0 && errno != EEXIST)
        return false;
    c->memory = write_text(c->base, LEAF "/cgroup.procs", "0") && hand_down(c);
    if (!c->memory)
        take_back(c);
    return c->memory;
}

void cgroups_close(struct cgroups *c)
{
    if (!c->base)
        return;
    if (c->memory)
        take_back(c);
    close(c->base);
    unlinkat(c->above, c->name, AT_REMOVEDIR);
    close(c->above);
    c->base = c->above = 0;
}

static const char *file_of(char *buf, size_t size, uint32_t number, const char *file)
{
    snprintf(buf, size, "p%u%s", number, file);
    return buf;
}

int cgroup_enter(struct cgroups *c, uint32_t number)
{
    char path[64];
    if (!c->base)
        return 0;
    file_of(path, sizeof(path), number, "");
    int fd = openat(c->base, path, FOLDER);
    if (fd < 0 && errno == ENOENT && mkdirat(c->base, path, 0755) == 0)
        fd = openat(c->base, path, FOLDER);
    return fd > 0 ? fd : 0;
}

int cgroup_populated(const struct cgroups *c, uint32_t number)
{
    char path[64], text[256];
    file_of(path, sizeof(path), number, "/cgroup.events");
    if (!c->base || !read_text(c->base, path, text, sizeof(text)))
        return -1;
    const char *at = strstr(text, "populated ");
    return at ? at[10] == '1' : -1;
}

bool cgroup_kill(const struct cgroups *c, uint32_t number)
{
    char path[64];
    file_of(path, sizeof(path), number, "/cgroup.kill");
    int fd = c->base ? openat(c->base, path, O_WRONLY | O_CLOEXEC) : -1;
    bool done = fd >= 0 && write(fd, "1", 1) == 1;
    fd_close(&fd);
    return done;
}

long cgroup_pids(const struct cgroups *c, uint32_t number, char *buf, size_t size)
{
    char path[64];
    file_of(path, sizeof(path), number, "/cgroup.procs");
    return c->base ? (long)read_text(c->base, path, buf, size) : -1;
}

bool cgroup_limit_memory(const struct cgroups *c, uint32_t number, uint64_t max)
{
    char path[64], text[32] = "max";
    if (!c->memory)
        return false;
    if (max)
        snprintf(text, sizeof(text), "%" PRIu64, max);
    write_text(c->base, file_of(path, sizeof(path), number, "/memory.oom.group"), max ? "1" : "0");
    return write_text(c->base, file_of(path, sizeof(path), number, "/memory.max"), text);
}

/* A number of bytes, or "max"; false: it cannot be read. */
static bool read_bytes(const struct cgroups *c, uint32_t number, const char *file, uint64_t *out)
{
    char path[64], text[32], *end;
    read_text(c->base, file_of(path, sizeof(path), number, file), text, sizeof(text));
    *out = strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, &end, 10);
    return *out == UINT64_MAX || end != text;
}

bool cgroup_limit_waits(const struct cgroups *c, uint32_t number, uint64_t max)
{
    uint64_t now, use;
    if (!c->memory || !max || !read_bytes(c, number, "/memory.max", &now))
        return false;
    if (!read_bytes(c, number, "/memory.current", &use))
        use = 1;
    return use > max || (use && max < now); /* it may grow until then */
}

static uint64_t count_of(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; p; p = (p = strchr(p, '\n')) ? p + 1 : NULL)
        if (strncmp(p, word, n) == 0 && p[n] == ' ')
            return strtoull(p + n, NULL, 10);
    return 0;
}

enum cgroup_oom cgroup_oom(const struct cgroups *c, uint32_t number)
{
    char path[64], text[1024];
    if (!c->memory || !read_text(c->base, file_of(path, sizeof(path), number, "/memory.events"),
                                 text, sizeof(text)))
        return CGROUP_OOM_NONE;
    if (!count_of(text, "oom_kill"))
        return CGROUP_OOM_NONE;
    return count_of(text, "oom") ? CGROUP_OOM_LIMIT : CGROUP_OOM_ABOVE;
}

void cgroup_remove(const struct cgroups *c, uint32_t number)
{
    char path[64];
    if (c->base)
        unlinkat(c->base, file_of(path, sizeof(path), number, ""), AT_REMOVEDIR);
}
