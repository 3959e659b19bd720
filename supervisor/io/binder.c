/* Listening sockets by their address. */
#include "supervisor/io/binder.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX "unix://"
#define TCP "tcp://"

static int refuse(struct err *e, int errnum, const char *what)
{
    err_set(e, "%s", what);
    e->errnum = errnum;
    return -1;
}

static int open_socket(int family, struct err *e)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? err_errno(e, errno, "cannot make a socket") : fd;
}

static int start_listening(int fd, const struct bind_request *rq, struct err *e)
{
    return listen(fd, rq->backlog ? rq->backlog : SOMAXCONN) == 0
               ? 0
               : err_errno(e, errno, "cannot listen");
}

/* ---- unix ---- */

static bool answers(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* EAGAIN: its queue is full, so there is one */
    bool yes =
        fd >= 0 && (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno == EAGAIN);
    fd_close(&fd);
    return yes;
}

static int remove_old(const struct sockaddr_un *at, bool spare_live, struct err *e)
{
    struct stat st;
    if (lstat(at->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : err_errno(e, errno, "cannot look at it");
    if (!S_ISSOCK(st.st_mode) && !S_ISLNK(st.st_mode))
        return refuse(e, EEXIST, "something that is no socket lies there");
    if (spare_live && answers(at))
        return refuse(e, EADDRINUSE, "another program is already listening on it");
    if (unlink(at->sun_path) < 0 && errno != ENOENT)
        return err_errno(e, errno, "cannot replace the socket that lies there");
    if (spare_live)
        err_set(e, "Unlinking stale socket %s", at->sun_path);
    return 0;
}

/* It has it, where the kernel took that of the socket itself. */
static bool has_mode(const char *path, mode_t mode)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 07777) == mode;
}

/* The mode first, since the new owner may put a link in its place; and no link is followed, since
 * the owner of the folder may do that before. */
static int give_away(const char *path, const struct bind_request *rq, struct err *e)
{
    if (!has_mode(path, rq->mode) && fchmodat(AT_FDCWD, path, rq->mode, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(e, errno, "cannot change its mode");
    if ((rq->uid >= 0 || rq->gid >= 0) && lchown(path, (uid_t)rq->uid, (gid_t)rq->gid) < 0)
        return err_errno(e, errno, "cannot change its owner to %lld:%lld", (long long)rq->uid,
                         (long long)rq->gid);
    return 0;
}

/* Nobody can connect before it has its owner and its mode: it does not listen. */
static int bind_unix(const char *path, const struct bind_request *rq, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path))
        return refuse(e, ENAMETOOLONG, "its path is longer than 107 bytes");
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    if (remove_old(&at, rq->spare_live, e) < 0)
        return -1;
    int fd = open_socket(AF_UNIX, e);
    if (fd < 0)
        return -1;
    mode_t before = umask(fchmod(fd, rq->mode) == 0 ? 0 : 0777);
    int bound = bind(fd, (const struct sockaddr *)&at, sizeof(at));
    int saved = errno;
    umask(before);
    if (bound < 0)
        err_errno(e, saved, "cannot make it");
    else if (give_away(path, rq, e) == 0 && start_listening(fd, rq, e) == 0)
        return fd;
    else
        unlink(path);
    fd_close(&fd);
    return -1;
}

/* By a descriptor, which is of a socket, whatever becomes of the path. */
static int change_it(int fd, const struct bind_request *rq, struct err *e)
{
    struct stat st;
    char own[64];
    uid_t uid = rq->uid < 0 ? geteuid() : (uid_t)rq->uid;
    gid_t gid = rq->gid < 0 ? getegid() : (gid_t)rq->gid;
    snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
    if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
        return refuse(e, EEXIST, "something that is no socket lies there");
    if (chmod(own, rq->mode) < 0)
        return err_errno(e, errno, "cannot change its mode");
    if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        return err_errno(e, errno, "cannot change its owner to %lld:%lld", (long long)uid,
                         (long long)gid);
    return 0;
}

int bind_change(const struct bind_request *rq, struct err *e)
{
    if (strncmp(rq->url, UNIX, strlen(UNIX)) != 0)
        return 0;
    int fd = open(rq->url + strlen(UNIX), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int r = fd < 0 ? err_errno(e, errno, "cannot look at it") : change_it(fd, rq, e);
    fd_close(&fd);
    return r;
}

/* ---- tcp ---- */

/* "[::1]:80", "host:80", ":80" in its parts; the port stays a text. */
static int split(const char *text, char *host, size_t size, const char **out_port, int *out_family)
{
    const char *colon = strrchr(text, ':'), *end = colon;
    *out_family = AF_INET;
    if (!colon)
        return -1;
    if (*text == '[') {
        *out_family = AF_INET6;
        text++;
        end--;
    }
    if (end < text || (*out_family == AF_INET6 && *end != ']') || (size_t)(end - text) >= size)
        return -1;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    *out_port = colon + 1;
    return 0;
}

static int look_up(const char *text, struct addrinfo **out, struct err *e)
{
    char host[256];
    const char *port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (split(text, host, sizeof(host), &port, &hints.ai_family) < 0)
        return refuse(e, EINVAL, "that is no host:port");
    bool all = !*host || strcmp(host, "*") == 0;
    int r = getaddrinfo(all ? NULL : host, port, &hints, out);
    if (r == 0)
        return 0;
    err_set(e, "cannot find the host %s: %s", host,
            r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
    e->errnum = EADDRNOTAVAIL;
    return -1;
}

static int bind_tcp(const char *text, const struct bind_request *rq, struct err *e)
{
    struct addrinfo *at;
    int on = 1;
    if (look_up(text, &at, e) < 0)
        return -1;
    int fd = open_socket(at->ai_family, e);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
                    bind(fd, at->ai_addr, at->ai_addrlen) < 0)) {
        err_errno(e, errno, "cannot make it");
        fd_close(&fd);
    }
    if (fd >= 0 && start_listening(fd, rq, e) < 0)
        fd_close(&fd);
    freeaddrinfo(at);
    return fd;
}

int bind_listen(const struct bind_request *rq, struct err *e)
{
    if (strncmp(rq->url, UNIX, strlen(UNIX)) == 0)
        return bind_unix(rq->url + strlen(UNIX), rq, e);
    if (strncmp(rq->url, TCP, strlen(TCP)) == 0)
        return bind_tcp(rq->url + strlen(TCP), rq, e);
    return refuse(e, EINVAL, "it is neither unix:///path nor tcp://host:port");
}
