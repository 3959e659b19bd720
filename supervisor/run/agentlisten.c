/* The listening socket of [agent] listen=. */
#include "supervisor/run/agentlisten.h"
#include "supervisor/base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 128

/* The load child has made the host an address, or "" for all. */
static socklen_t fill(const struct gen *g, struct sockaddr_storage *out)
{
    const char *host = gen_str(g, g->supd.agent_host);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    in_port_t port = htons((uint16_t)g->supd.agent_port);
    memset(out, 0, sizeof(*out));
    if (host && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        return sizeof(*v6);
    }
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    if (host && *host && inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        return 0;
    return sizeof(*v4);
}

int agentlisten_open(const struct gen *g, struct err *e)
{
    struct sockaddr_storage at;
    socklen_t n = fill(g, &at);
    int on = 1, fd = -1;
    errno = EINVAL;
    if (n)
        fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    const char *host = gen_str(g, g->supd.agent_host);
    err_errno(e, errno, "cannot listen on %s:%d for [agent]", host && *host ? host : "*",
              g->supd.agent_port);
    fd_close(&fd);
    return -1;
}
