/* Reads the kernel's lists of children. */
#include "supervisor/io/children.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXITING 4u /* PF_EXITING in the flags of a process */

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

bool children_of_one(int pid, children_fn *fn, void *obj)
{
    char path[64];
    struct numbers k = {.fn = fn, .obj = obj, .going = true};
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    return read_list(path, &k);
}

/* the entries of a folder that are numbers */
static bool each_thread(const char *folder, void (*fn)(void *obj, int tid), void *obj)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    if (!d)
        return false;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            fn(obj, (int)strtol(e->d_name, NULL, 10));
    closedir(d);
    return true;
}

struct threads {
    int pid;
    bool known;
    struct numbers k;
};

static void on_thread(void *obj, int tid)
{
    struct threads *t = obj;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", t->pid, tid);
    t->known |= read_list(path, &t->k);
}

bool children_of(int pid, children_fn *fn, void *obj)
{
    char path[64];
    struct threads t = {.pid = pid, .k = {.fn = fn, .obj = obj, .going = true}};
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    return each_thread(path, on_thread, &t) && t.known;
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
