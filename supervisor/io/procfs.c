/* Reads /proc as ps does. */
#include "supervisor/io/procfs.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/mono.h"
#include "supervisor/io/children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHERS_LIMIT DUR_S(1)

void procfs_scan(struct kin_list *out)
{
    DIR *proc = opendir("/proc");
    struct dirent *d;
    size_t cap = 0;
    *out = (struct kin_list){0};
    while (proc && (d = readdir(proc))) {
        if (d->d_name[0] < '1' || d->d_name[0] > '9')
            continue;
        if (out->n == cap) {
            cap = cap ? cap * 2 : 256;
            out->v = mem_realloc(out->v, cap * sizeof(*out->v));
        }
        out->n += children_stat((int)strtol(d->d_name, NULL, 10), &out->v[out->n]);
    }
    if (proc)
        closedir(proc);
    kin_sort(out->v, out->n);
}

ssize_t procfs_read(int pid, const char *file, char *buf, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t r = fd < 0 ? -1 : 0;
    while (fd >= 0 && n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
        n += (size_t)r;
    int errnum = errno;
    fd_close(&fd);
    errno = errnum;
    buf[n] = '\0';
    return r < 0 && !n ? -1 : (ssize_t)n;
}

const char *procfs_env(const char *env, size_t n, const char *key)
{
    size_t k = strlen(key);
    for (const char *p = env; p < env + n; p += strlen(p) + 1)
        if (strncmp(p, key, k) == 0 && p[k] == '=')
            return p + k + 1;
    return NULL;
}

void procfs_command(int pid, char *buf, size_t size)
{
    ssize_t n = procfs_read(pid, "cmdline", buf, size);
    while (n > 0 && !buf[n - 1])
        n--;
    for (ssize_t i = 0; i < n; i++)
        buf[i] = buf[i] ? buf[i] : ' ';
    if (n > 0)
        return;
    char name[64];
    n = procfs_read(pid, "comm", name, sizeof(name));
    snprintf(buf, size, "[%.*s]", n > 1 ? (int)n - 1 : 1, n > 1 ? name : "?");
}

/* ---- environments ---- */

struct found {
    int pid;
    char values[PROCFS_KEYS][PROCFS_VALUE];
};

struct reading {
    const char *const *keys;
    char *buf;
};

int procfs_values(int pid, const char *const keys[PROCFS_KEYS], char *buf,
                  char values[PROCFS_KEYS][PROCFS_VALUE])
{
    ssize_t n = procfs_read(pid, "environ", buf, PROCFS_ENVIRON);
    for (int i = 0; i < PROCFS_KEYS; i++) {
        const char *value = n > 0 ? procfs_env(buf, (size_t)n, keys[i]) : NULL;
        snprintf(values[i], PROCFS_VALUE, "%s", value ? value : "");
    }
    return n < 0 ? -1 : 0;
}

static int look(const struct reading *r, int pid, struct found *out)
{
    out->pid = pid;
    return procfs_values(pid, r->keys, r->buf, out->values);
}

struct other {
    int pid;
    unsigned uid, gid;
};

static int by_user(const void *a, const void *b)
{
    const struct other *x = a, *y = b;
    if (x->uid != y->uid)
        return x->uid < y->uid ? -1 : 1;
    return (x->gid > y->gid) - (x->gid < y->gid);
}

/* Its real ids: whoever has changed only some of them lets nobody look. */
static bool user_of(int pid, struct other *out)
{
    char text[2048];
    *out = (struct other){.pid = pid};
    if (procfs_read(pid, "status", text, sizeof(text)) <= 0)
        return false;
    const char *uid = strstr(text, "\nUid:"), *gid = strstr(text, "\nGid:");
    return uid && gid && sscanf(uid + 5, "%u", &out->uid) == 1 &&
           sscanf(gid + 5, "%u", &out->gid) == 1;
}

/* The child that has become the user of these; it is not dumpable, so that none of them can look
 * at it. */
static void look_as(const struct reading *r, const struct other *v, size_t n, int to)
{
    struct found f;
    setgroups(0, NULL);
    if (setresgid(v->gid, v->gid, v->gid) < 0 || setresuid(v->uid, v->uid, v->uid) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (look(r, v[i].pid, &f) == 0 && fd_write_all(to, &f, sizeof(f)) < 0)
            return;
}

/* One answer, or false when there are no more or the time is over. */
static bool next_answer(int from, mono_t end, struct found *f)
{
    size_t n = 0;
    while (n < sizeof(*f)) {
        int64_t left = mono_sub(end, mono_now()).ns / 1000000;
        struct pollfd p = {.fd = from, .events = POLLIN};
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return false;
        ssize_t r = read(from, (char *)f + n, sizeof(*f) - n);
        if (r <= 0)
            return false;
        n += (size_t)r;
    }
    return true;
}

static void ask_user(const struct reading *r, const struct other *v, size_t n, procfs_env_fn *fn,
                     void *obj)
{
    int ends[2];
    struct found f;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    int pid = fork();
    if (pid == 0) {
        look_as(r, v, n, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    mono_t end = mono_add(mono_now(), OTHERS_LIMIT);
    while (pid > 0 && next_answer(ends[0], end, &f))
        fn(obj, f.pid, f.values);
    close(ends[0]);
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, WNOHANG);
    }
}

static void ask_users(const struct reading *r, struct other *v, size_t n, procfs_env_fn *fn,
                      void *obj)
{
    if (n)
        qsort(v, n, sizeof(*v), by_user);
    for (size_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && by_user(&v[i], &v[end]) == 0)
            end++;
        ask_user(r, v + i, end - i, fn, obj);
    }
}

void procfs_environs(const int *pids, size_t n, const char *const keys[PROCFS_KEYS],
                     procfs_env_fn *fn, void *obj)
{
    struct reading r = {keys, malloc(PROCFS_ENVIRON)};
    struct other *others = malloc((n + 1) * sizeof(*others));
    struct found f;
    size_t nothers = 0;
    for (size_t i = 0; r.buf && others && i < n; i++) {
        if (look(&r, pids[i], &f) == 0)
            fn(obj, f.pid, f.values);
        else if (errno == EACCES || errno == EPERM)
            nothers += user_of(pids[i], &others[nothers]);
    }
    if (others)
        ask_users(&r, others, nothers, fn, obj);
    free(others);
    free(r.buf);
}

/* ---- signals ---- */

static bool same(const struct kin *k)
{
    struct kin now;
    if (children_stat(k->pid, &now) && now.start == k->start)
        return true;
    errno = ESRCH;
    return false;
}

/* The descriptor holds the process, whoever gets its number; that it is the right one is looked at
 * when we have it. Without descriptors the look comes right before the signal. */
int procfs_send(const struct kin *k, int sig)
{
    int fd = (int)syscall(SYS_pidfd_open, k->pid, 0);
    if (fd < 0 && errno == ESRCH)
        return -1;
    int r = same(k) ? 0 : -1;
    if (r == 0)
        r = fd >= 0 ? (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) : -1;
    if (r < 0 && (fd < 0 || errno == ENOSYS || (errno == EPERM && sig)) && same(k))
        r = kill(k->pid, sig);
    int errnum = errno;
    fd_close(&fd);
    errno = errnum;
    return r;
}
