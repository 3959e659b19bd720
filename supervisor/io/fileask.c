/* Asks supd-log for a file that we may not open. */
#include "supervisor/io/fileask.h"

#include "supervisor/base/fd.h"
#include "supervisor/io/usock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define LIMIT_MS 10000

static int send_request(int sock, char what, const char *path, int *reply)
{
    char text[1 + FILEASK_PATH];
    size_t n = strlen(path);
    if (n > FILEASK_PATH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    text[0] = what;
    memcpy(text + 1, path, n);
    ssize_t sent = usock_send(sock, text, n + 1, reply, 1);
    int saved = errno;
    fd_close(reply);
    errno = saved;
    return sent < 0 ? -1 : 0;
}

static int wait_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r = poll(&p, 1, LIMIT_MS); /* threads get no signals */
    if (r == 0)
        errno = ETIMEDOUT;
    return r > 0 ? 0 : -1;
}

/* Over a socket of its own, so that an answer that comes late is nobody else's. */
int fileask(int sock, char what, const char *path, struct fileask_answer *out)
{
    int ends[2], fd = -1;
    size_t nfds = 0;
    ssize_t n = -1;
    *out = (struct fileask_answer){0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        out->errnum = errno;
        return -1;
    }
    if (send_request(sock, what, path, &ends[1]) == 0 && wait_for(ends[0]) == 0)
        n = usock_recv(ends[0], out, sizeof(*out), &fd, 1, &nfds);
    if (n >= 0 && (n != (ssize_t)sizeof(*out) || (!out->errnum && !nfds)))
        out->errnum = EPIPE; /* supd-log ended before it answered */
    else if (n < 0)
        out->errnum = errno;
    out->why[sizeof(out->why) - 1] = '\0';
    if (out->errnum)
        fd_close(&fd);
    fd_close(&ends[0]);
    return fd;
}
