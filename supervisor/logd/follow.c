/* Reading a log file from its end on, over rotations. */
#include "supervisor/logd/follow.h"
#include "supervisor/base/fd.h"
#include "supervisor/logd/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLLOW_CUT "==> File truncated <==\n"
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* The target of a link that is ours and says the whole path. */
static int open_own_link(const char *path)
{
    char to[PATH_MAX];
    struct stat st;
    int link = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n = link < 0 ? -1 : readlinkat(link, "", to, sizeof(to) - 1);
    bool own = n > 0 && to[0] == '/' && fstat(link, &st) == 0 && st.st_uid == geteuid();
    fd_close(&link);
    errno = ELOOP;
    if (!own)
        return -1;
    to[n] = '\0';
    return open(to, OPEN_FLAGS | O_NOFOLLOW);
}

static int open_it(const struct follow *f, const char *path)
{
    int fd = open(path, OPEN_FLAGS | (f->marks ? O_NOFOLLOW : 0));
    return fd < 0 && f->marks && errno == ELOOP ? open_own_link(path) : fd;
}

int follow_open(struct follow *f, const char *path, int backups, int64_t bytes, bool marks)
{
    struct stat st;
    *f = (struct follow){.path = strdup(path), .backups = backups, .fd = -1, .marks = marks};
    if (!f->path)
        return -1;
    f->fd = open_it(f, path);
    if (f->fd < 0)
        return errno == ENOENT ? 1 : errno == ENXIO ? 0 : -1;
    if (fstat(f->fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode))
        return 0;
    f->off = st.st_size > bytes ? st.st_size - bytes : 0;
    return 1;
}

void follow_close(struct follow *f)
{
    fd_close(&f->fd);
    free(f->path);
    f->path = NULL;
}

/* The number that our file has now, -1 if it is none of them. */
static int number_now(const struct follow *f, const struct stat *ours)
{
    char name[PATH_MAX];
    struct stat st;
    for (int i = 0; i <= f->backups; i++)
        if (rotate_name(name, sizeof(name), f->path, i, false) == 0 && stat(name, &st) == 0 &&
            st.st_ino == ours->st_ino && st.st_dev == ours->st_dev)
            return i;
    return -1;
}

/* Opens the file that comes after ours. 1: another one, 0: ours is the newest. */
static int next_file(struct follow *f)
{
    char name[PATH_MAX];
    struct stat st;
    int number = -1;
    if (f->fd >= 0) {
        if (fstat(f->fd, &st) < 0)
            return 0;
        if (st.st_size < f->off) {
            f->off = 0;
            f->cut = f->marks;
            return 1;
        }
        number = number_now(f, &st);
        if (number == 0)
            return 0;
    }
    rotate_name(name, sizeof(name), f->path, number > 0 ? number - 1 : 0, false);
    int fd = open_it(f, name);
    if (fd < 0)
        return 0;
    fd_close(&f->fd);
    f->fd = fd;
    f->off = 0;
    return 1;
}

static ssize_t say_cut(struct follow *f, char *buf)
{
    f->cut = false;
    memcpy(buf, FOLLOW_CUT, strlen(FOLLOW_CUT));
    return (ssize_t)strlen(FOLLOW_CUT);
}

ssize_t follow_read(struct follow *f, char *buf, size_t size)
{
    for (int i = 0; i <= f->backups + 1; i++) {
        if (f->cut && size >= strlen(FOLLOW_CUT))
            return say_cut(f, buf);
        ssize_t n = f->fd >= 0 ? pread(f->fd, buf, size, f->off) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0)
            f->off += n;
        if (n != 0 || !next_file(f))
            return n;
    }
    return 0;
}
