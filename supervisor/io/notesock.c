/* The socket behind NOTIFY_SOCKET. */
#include "supervisor/io/notesock.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/rng.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int notesock_open(char name[static NOTESOCK_NAME])
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int on = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    snprintf(name, NOTESOCK_NAME, "@supd-notify-%016" PRIx64, rng_entropy());
    size_t n = strlen(name);
    memcpy(at.sun_path + 1, name + 1, n - 1);
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) <
            0)
        fd_close(&fd);
    return fd;
}

static void take_control(struct msghdr *msg, struct notesock_from *from)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    struct ucred who;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS ||
        c->cmsg_len < CMSG_LEN(sizeof(who)))
        return;
    memcpy(&who, CMSG_DATA(c), sizeof(who));
    from->pid = who.pid;
    from->uid = who.uid;
}

static ssize_t receive(int fd, struct msghdr *msg, int flags)
{
    ssize_t n;
    do
        n = recvmsg(fd, msg, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && errno == EINTR);
    return n;
}

/* There is room for the credentials, which come first, and for nothing else. */
ssize_t notesock_peek(int fd, char *buf, size_t size, struct notesock_from *out_from)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec iov = {.iov_base = buf, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    *out_from = (struct notesock_from){0};
    ssize_t n = receive(fd, &msg, MSG_PEEK);
    if (n < 0)
        return -1;
    take_control(&msg, out_from);
    out_from->cut = msg.msg_flags & MSG_TRUNC;
    out_from->fds = msg.msg_flags & MSG_CTRUNC;
    return n;
}

void notesock_drop(int fd)
{
    struct msghdr msg = {0};
    receive(fd, &msg, 0);
}

void notesock_shut(int fd)
{
    shutdown(fd, SHUT_RD);
}
