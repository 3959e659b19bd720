/* Reads the kernel's lists of children. */
#include "supervisor/io/children.h"
#include "supervisor/base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONE_THREAD 3 /* links of its task folder */
#define EXITING 4u    /* PF_EXITING in the flags of a process */

/* A number may begin in one part and end in the next. */
struct numbers {
    children_fn *fn;
    void *obj;
    int n;      /* the one under way */
    bool going; /* fn wants more */
};

static void take(struct numbers *k, const char *p, ssize_t size)
{
    for (const char *end = p + size; p < end && k->going; p++) {
        if (*p >= '0' && *p <= '9') {
            k->n = k->n * 10 + (*p - '0');
        } else if (k->n) {
            k->going = k->fn(k->obj, k->n);
            k->n = 0;
        }
    }
}

static bool read_list(const char *path, struct numbers *k)
{
    char part[4096];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (k->going && (n = read(fd, part, sizeof(part))) > 0)
        take(k, part, n);
    close(fd);
    return true;
}

static bool list_of(int pid, int thread, struct numbers *k)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, thread);
    return read_list(path, k);
}

bool children_of_one(int pid, children_fn *fn, void *obj)
{
    struct numbers k = {.fn = fn, .obj = obj, .going = true};
    return list_of(pid, pid, &k);
}

static bool of_each_thread(int pid, const char *folder, int *lists, struct numbers *k)
{
    char buf[2048] __attribute__((aligned(__alignof__(struct dirent64))));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool known = false;
    ssize_t n;
    while (fd >= 0 && *lists > 0 && (n = getdents64(fd, buf, sizeof(buf))) > 0) {
        for (ssize_t at = 0; at<n && * lists> 0;) {
            const struct dirent64 *d = (const void *)(buf + at);
            int64_t thread;
            if (text_int(d->d_name, 1, INT32_MAX, &thread, NULL) == 0) {
                known |= list_of(pid, (int)thread, k);
                --*lists;
            }
            at += d->d_reclen;
        }
    }
    if (fd >= 0)
        close(fd);
    return known;
}

bool children_of(int pid, int *lists, children_fn *fn, void *obj)
{
    char folder[64];
    struct stat st;
    struct numbers k = {.fn = fn, .obj = obj, .going = true};
    snprintf(folder, sizeof(folder), "/proc/%d/task", pid);
    if (*lists <= 0 || stat(folder, &st) < 0)
        return false;
    if (st.st_nlink != LONE_THREAD)
        return of_each_thread(pid, folder, lists, &k);
    --*lists;
    return list_of(pid, pid, &k);
}

/* The text behind the name, which may hold anything: " S 1 2 3 ..." */
static const char *behind_name(char *text, ssize_t n)
{
    text[n > 0 ? n : 0] = '\0';
    const char *paren = strrchr(text, ')');
    return paren && paren[1] == ' ' ? paren + 2 : NULL;
}

bool children_stat(int pid, struct kin *out)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const char *p = behind_name(text, read(fd, text, sizeof(text) - 1));
    close(fd);
    *out = (struct kin){.pid = pid, .owner = KIN_NOBODY};
    char state;
    unsigned flags;
    if (!p ||
        sscanf(p, "%c %d %d %d %*d %*d %u", &state, &out->ppid, &out->pgid, &out->sid, &flags) != 5)
        return false;
    out->zombie = state == 'Z' || state == 'X';
    out->ending = flags & EXITING;
    for (int field = 3; p && field < 22; field++)
        p = (p = strchr(p, ' ')) ? p + 1 : NULL;
    out->start = p ? strtoull(p, NULL, 10) : 0;
    return out->start != 0;
}

bool children_known(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
    return access(path, R_OK) == 0;
}
