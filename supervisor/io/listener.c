/* Listening sockets. */
#include "supervisor/io/listener.h"
#include "supervisor/base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER_MAX 4096

/* A name in a folder. */
struct place {
    int dir;
    char path[FOLDER_MAX]; /* of the folder, with the slash at its end */
    const char *name;
    char temp[64]; /* beside it, until it is whole */
};

static void fail(struct listener_got *g, int errnum, const char *what, const char *where)
{
    g->end = errnum == EADDRINUSE ? LISTENER_BUSY : LISTENER_FAILED;
    err_errno(&g->e, errnum, "%s %s", what, where);
}

static int backlog_of(const struct listener *l)
{
    return l->backlog > 0 ? l->backlog : SOMAXCONN;
}

/* ---- unix sockets ---- */

static int place_open(struct place *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : sizeof(p->path);
    p->dir = -1;
    if (n >= sizeof(p->path) || !path[n] || strlen(path + n) > 80) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(p->path, path, n);
    p->path[n] = '\0';
    p->name = path + n;
    snprintf(p->temp, sizeof(p->temp), ".supd-%d.sock", getpid());
    p->dir = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return p->dir < 0 ? -1 : 0;
}

/* The folder may have a longer path than fits: then by its descriptor. */
static socklen_t address_of(const struct place *p, const char *name, struct sockaddr_un *out)
{
    size_t folder = strlen(p->path), n = strlen(name);
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    if (folder + n < sizeof(out->sun_path)) {
        memcpy(out->sun_path, p->path, folder);
        memcpy(out->sun_path + folder, name, n);
    } else {
        snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", p->dir, name);
    }
    return sizeof(*out);
}

static bool is_answered(const struct place *p)
{
    struct sockaddr_un at;
    socklen_t n = address_of(p, p->name, &at);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 && (connect(fd, (struct sockaddr *)&at, n) == 0 || errno == EAGAIN);
    fd_close(&fd);
    return yes;
}

/* Makes the place free. */
static int clear_place(const struct listener *l, const struct place *p, struct listener_got *g)
{
    struct stat st;
    if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : (fail(g, errno, "cannot look at", l->path), -1);
    if (!S_ISSOCK(st.st_mode)) {
        g->end = LISTENER_FAILED;
        err_errno(&g->e, EEXIST, "%s is no socket, and stays as it is", l->path);
        return -1;
    }
    if (!l->replace && is_answered(p)) {
        fail(g, EADDRINUSE, "somebody listens on", l->path);
        return -1;
    }
    g->stale = true;
    if (unlinkat(p->dir, p->name, 0) < 0 && errno != ENOENT) {
        fail(g, errno, "cannot remove the old socket", l->path);
        return -1;
    }
    return 0;
}

/* Somebody may have been quicker, so not by a rename, but for where there are no links. */
static int publish(const struct place *p)
{
    if (linkat(p->dir, p->temp, p->dir, p->name, 0) == 0)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) {
        errno = errno == EEXIST ? EADDRINUSE : errno;
        return -1;
    }
    return renameat(p->dir, p->temp, p->dir, p->name);
}

/* The mode is there before anybody can get at it. */
static int make_unix(int fd, const struct listener *l, const struct place *p)
{
    struct sockaddr_un at;
    socklen_t n = address_of(p, p->temp, &at);
    unlinkat(p->dir, p->temp, 0);
    mode_t old = umask(0777);
    int r = bind(fd, (struct sockaddr *)&at, n);
    umask(old);
    if (r < 0)
        return -1;
    bool owned = l->uid < 0 && l->gid < 0;
    if (!owned && fchownat(p->dir, p->temp, (uid_t)l->uid, (gid_t)l->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (fchmodat(p->dir, p->temp, (mode_t)l->mode, 0) < 0 || listen(fd, backlog_of(l)) < 0)
        return -1;
    return publish(p);
}

static void open_unix(const struct listener *l, struct listener_got *g)
{
    struct place p;
    struct stat st;
    if (place_open(&p, l->path) < 0) {
        fail(g, errno, "cannot open the folder of socket", l->path);
        return;
    }
    if (clear_place(l, &p, g) == 0) {
        g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (g->fd < 0 || make_unix(g->fd, l, &p) < 0 ||
            fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            fail(g, errno, "cannot listen on", l->path);
            fd_close(&g->fd);
        } else {
            g->end = LISTENER_OPEN;
            g->dev = st.st_dev;
            g->ino = st.st_ino;
        }
        unlinkat(p.dir, p.temp, 0);
    }
    fd_close(&p.dir);
}

void listener_remove(const char *path, uint64_t dev, uint64_t ino)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == dev && st.st_ino == ino)
        unlink(path);
}

/* ---- TCP ---- */

static socklen_t inet_address(const struct listener *l, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    in_port_t port = htons((uint16_t)l->port);
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET6, l->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        return sizeof(*v6);
    }
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    if (*l->host && inet_pton(AF_INET, l->host, &v4->sin_addr) != 1)
        return 0;
    return sizeof(*v4);
}

static void open_inet(const struct listener *l, struct listener_got *g)
{
    struct sockaddr_storage at;
    socklen_t n = inet_address(l, &at);
    char where[128];
    int on = 1;
    errno = EINVAL;
    if (n)
        g->fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (at.ss_family == AF_INET6 && g->fd >= 0)
        setsockopt(g->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (g->fd >= 0 && setsockopt(g->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(g->fd, (struct sockaddr *)&at, n) == 0 && listen(g->fd, backlog_of(l)) == 0) {
        g->end = LISTENER_OPEN;
        return;
    }
    int saved = errno;
    snprintf(where, sizeof(where), "%s:%d", *l->host ? l->host : "*", l->port);
    fail(g, saved, "cannot listen on", where);
    fd_close(&g->fd);
}

void listener_open(const struct listener *l, struct listener_got *out)
{
    *out = (struct listener_got){.end = LISTENER_FAILED, .fd = -1};
    if (l->path)
        open_unix(l, out);
    else
        open_inet(l, out);
}
