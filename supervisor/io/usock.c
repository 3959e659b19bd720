/* Unix stream sockets: names, stale sockets, peers, and descriptors as cargo. */
#include "supervisor/io/usock.h"

#include "supervisor/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

struct name {
    struct sockaddr_un sun;
    socklen_t len;
    int dir; /* the folder of a path that is too long for sun_path, else -1 */
};

static int plain_name(struct name *n, const char *path, size_t len)
{
    memcpy(n->sun.sun_path, path, len);
    n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (path[0] == '@')
        n->sun.sun_path[0] = '\0';
    else
        n->len++;
    return 0;
}

/* /proc/self/fd/N/name is short, however long the folder's path is. */
static int long_name(struct name *n, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char dir[4096];
    if (path[0] == '@' || !slash || (size_t)(slash - path) >= sizeof(dir) || strlen(slash) > 80)
        return err_errno(e, ENAMETOOLONG, "socket %s", path);
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    n->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (n->dir < 0)
        return err_errno(e, errno, "cannot open the folder of socket %s", path);
    int len =
        snprintf(n->sun.sun_path, sizeof(n->sun.sun_path), "/proc/self/fd/%d%s", n->dir, slash);
    n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len + 1);
    return 0;
}

static int name_make(struct name *n, const char *path, struct err *e)
{
    memset(n, 0, sizeof(*n));
    n->dir = -1;
    n->sun.sun_family = AF_UNIX;
    size_t len = strlen(path);
    if (!len)
        return err_set(e, "a socket needs a path");
    if (len < sizeof(n->sun.sun_path))
        return plain_name(n, path, len);
    return long_name(n, path, e);
}

static int socket_new(int flags)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

/* Mode and group are there from the first moment on: by its path the file is not ours alone, where
 * the folder is somebody else's. Who is not root keeps his own group, by which he may write to the
 * folder. */
static int bind_to(int fd, const struct name *n, int64_t gid)
{
    bool given = gid >= 0 && geteuid() == 0;
    mode_t mask = umask(gid >= 0 ? 0117 : 0177);
    int group = given ? setfsgid((gid_t)gid) : 0;
    int r = bind(fd, (const struct sockaddr *)&n->sun, n->len);
    int saved = errno;
    if (given)
        setfsgid((gid_t)group);
    umask(mask);
    errno = saved;
    return r;
}

/* True if path holds a socket that nobody answers on; errno tells why not otherwise. */
static bool is_stale(const struct name *n)
{
    struct stat st;
    if (lstat(n->sun.sun_path, &st) < 0)
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket_new(SOCK_NONBLOCK);
    if (fd < 0)
        return false;
    int r = connect(fd, (const struct sockaddr *)&n->sun, n->len);
    int saved = r == 0 ? EADDRINUSE : errno;
    fd_close(&fd);
    errno = saved;
    return r < 0 && saved == ECONNREFUSED;
}

static int bind_or_replace(int fd, const struct name *n, const char *path, int64_t gid,
                           struct err *e)
{
    if (bind_to(fd, n, gid) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return err_errno(e, errno, "cannot bind socket %s", path);
    if (!n->sun.sun_path[0])
        return err_set(e, "socket %s is in use by another process", path);
    if (!is_stale(n)) {
        if (errno == EEXIST)
            return err_set(e, "cannot bind socket %s: a file that is not a socket is there", path);
        if (errno == EADDRINUSE || errno == EAGAIN || errno == EACCES) {
            err_set(e, "socket %s is in use: another process answers on it", path);
            if (e)
                e->errnum = EADDRINUSE;
            return -1;
        }
        return err_errno(e, errno, "cannot look at the old socket %s", path);
    }
    if (unlink(n->sun.sun_path) < 0 && errno != ENOENT)
        return err_errno(e, errno, "cannot remove the stale socket %s", path);
    if (bind_to(fd, n, gid) < 0)
        return err_errno(e, errno, "cannot bind socket %s", path);
    return 0;
}

/* A socket of somebody else, or one that has another name, too, is not what was just made. */
static int give_file(int file, const char *path, gid_t gid, struct err *e)
{
    struct stat st;
    if (file < 0 || fstat(file, &st) < 0)
        return err_errno(e, errno, "cannot look at socket %s", path);
    if (!S_ISSOCK(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())
        return err_set(e, "socket %s was replaced by somebody else", path);
    if (st.st_gid != gid && fchownat(file, "", (uid_t)-1, gid, AT_EMPTY_PATH) < 0)
        return err_errno(e, errno, "cannot give socket %s to group %u", path, gid);
    return 0;
}

/* Where it did not get its group when it was made: the folder's own goes before, or we may not. */
static int give_to_group(const struct name *n, const char *path, int64_t gid, struct err *e)
{
    if (gid < 0 || !n->sun.sun_path[0])
        return 0;
    int file = open(n->sun.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int r = give_file(file, path, (gid_t)gid, e);
    fd_close(&file);
    return r;
}

static int listen_on(int fd, const struct name *n, const char *path, int64_t gid, struct err *e)
{
    if (bind_or_replace(fd, n, path, gid, e) < 0)
        return -1;
    if (give_to_group(n, path, gid, e) == 0) {
        if (listen(fd, BACKLOG) == 0)
            return 0;
        err_errno(e, errno, "cannot listen on socket %s", path);
    }
    if (n->sun.sun_path[0])
        unlink(n->sun.sun_path);
    return -1;
}

int usock_listen(const char *path, int64_t gid, struct err *e)
{
    struct name n;
    if (name_make(&n, path, e) < 0)
        return -1;
    int fd = socket_new(SOCK_NONBLOCK);
    if (fd < 0)
        err_errno(e, errno, "cannot make a socket");
    else if (listen_on(fd, &n, path, gid, e) < 0)
        fd_close(&fd);
    fd_close(&n.dir);
    return fd;
}

int usock_accept(int fd, struct usock_peer *out_peer)
{
    int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (c < 0)
        return -1;
    struct ucred cred;
    socklen_t len = sizeof(cred);
    if (getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
        fd_close(&c);
        return -1;
    }
    *out_peer = (struct usock_peer){.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
    return c;
}

static int connect_retry(int fd, const struct name *n)
{
    int r;
    do
        r = connect(fd, (const struct sockaddr *)&n->sun, n->len);
    while (r < 0 && errno == EINTR);
    return r;
}

int usock_connect(const char *path, struct err *e)
{
    struct name n;
    if (name_make(&n, path, e) < 0)
        return -1;
    int fd = socket_new(0);
    if (fd < 0) {
        err_errno(e, errno, "cannot make a socket");
    } else if (connect_retry(fd, &n) < 0) {
        err_errno(e, errno, "cannot connect to %s", path);
        fd_close(&fd);
    }
    fd_close(&n.dir);
    return fd;
}

union control {
    char bytes[CMSG_SPACE(sizeof(int) * USOCK_FDS)];
    struct cmsghdr align;
};

ssize_t usock_send(int fd, const void *p, size_t n, const int *fds, size_t nfds)
{
    union control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (nfds > USOCK_FDS || (nfds && !n)) {
        errno = EINVAL;
        return -1;
    }
    if (nfds) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
    }
    ssize_t r;
    do
        r = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r;
}

/* Takes the descriptors of one control message; what does not fit is closed. True if all fit. */
static bool take_fds(const struct cmsghdr *c, int *fds, size_t max, size_t *n)
{
    size_t got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool fits = true;
    for (size_t i = 0; i < got; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        if (*n < max) {
            fds[(*n)++] = fd;
        } else {
            fits = false;
            fd_close(&fd);
        }
    }
    return fits;
}

ssize_t usock_recv(int fd, void *p, size_t n, int *fds, size_t max, size_t *out_nfds)
{
    union control control;
    struct iovec iov = {.iov_base = p, .iov_len = n};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    *out_nfds = 0;
    ssize_t r;
    do
        r = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -1;
    bool fits = !(msg.msg_flags & MSG_CTRUNC);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            fits = take_fds(c, fds, max, out_nfds) && fits;
    }
    if (fits)
        return r;
    while (*out_nfds)
        fd_close(&fds[--*out_nfds]);
    errno = EMSGSIZE;
    return -1;
}
