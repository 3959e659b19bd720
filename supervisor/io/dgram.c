/* Datagrams received in batches. */
#include "supervisor/io/dgram.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { RCVBUF = 4 << 20 };

struct dgram {
    struct loop_io io;
    struct dgram_user user;
    int fd;
    int port;
    char *path;     /* of a unix socket */
    uint32_t drops; /* the kernel's count, as last seen */
    uint64_t lost;  /* to be reported at the end of the turn */
    char buf[DGRAM_BATCH][DGRAM_MAX];
};

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* ---- receiving ---- */

struct batch {
    struct mmsghdr msg[DGRAM_BATCH];
    struct iovec iov[DGRAM_BATCH];
    char control[DGRAM_BATCH][CMSG_SPACE(sizeof(uint32_t))];
};

static void batch_init(struct batch *b, struct dgram *d)
{
    memset(b->msg, 0, sizeof(b->msg));
    for (int i = 0; i < DGRAM_BATCH; i++) {
        b->iov[i] = (struct iovec){.iov_base = d->buf[i], .iov_len = DGRAM_MAX};
        b->msg[i].msg_hdr.msg_iov = &b->iov[i];
        b->msg[i].msg_hdr.msg_iovlen = 1;
        b->msg[i].msg_hdr.msg_control = b->control[i];
        b->msg[i].msg_hdr.msg_controllen = sizeof(b->control[i]);
    }
}

/* SO_RXQ_OVFL: how many this socket has dropped since it was made */
static void count_drops(struct dgram *d, struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        uint32_t drops;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
            continue;
        memcpy(&drops, CMSG_DATA(c), sizeof(drops));
        d->lost += drops - d->drops;
        d->drops = drops;
    }
}

/* Of one that was cut: its last line may look whole, and be wrong. */
static size_t whole_lines(const char *p, size_t n)
{
    const char *end = memrchr(p, '\n', n);
    return end ? (size_t)(end - p) + 1 : 0;
}

/* One batch; how many there were. */
static int receive(struct dgram *d)
{
    struct batch b;
    batch_init(&b, d);
    int n = recvmmsg(d->fd, b.msg, DGRAM_BATCH, MSG_DONTWAIT, NULL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR && LOG_LIMIT(60))
            log_warn("datagrams: cannot receive: %s", strerror(errno));
        return 0;
    }
    for (int i = 0; i < n; i++) {
        count_drops(d, &b.msg[i].msg_hdr);
        size_t len = b.msg[i].msg_len;
        if (b.msg[i].msg_hdr.msg_flags & MSG_TRUNC) {
            d->lost++;
            len = whole_lines(d->buf[i], len);
        }
        d->user.take(d->user.obj, d->buf[i], len);
    }
    return n;
}

static void on_readable(struct dgram *d)
{
    int total = 0, n;
    do {
        n = receive(d);
        total += n;
    } while (n == DGRAM_BATCH && total < DGRAM_TURN);
    if (!d->lost)
        return;
    d->user.lost(d->user.obj, d->lost);
    d->lost = 0;
}

/* ---- opening ---- */

static struct dgram *dgram_new(struct loop *l, int fd, struct dgram_user user, struct err *e)
{
    struct dgram *d = mem_zalloc(sizeof(*d));
    int one = 1, size = RCVBUF;
    d->fd = fd;
    d->user = user;
    /* the kernel gives what it allows; without the count of drops losses stay unseen */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one));
    LOOP_IO(&d->io, l, on_readable, d);
    if (loop_io_set(&d->io, fd, LOOP_READ) == 0)
        return d;
    err_errno(e, errno, "cannot wait for datagrams");
    dgram_free(&d);
    return NULL;
}

static int parse_host(const char *host, int port, union address *a, socklen_t *out_len,
                      struct err *e)
{
    size_t n = strlen(host);
    char bare[64];
    memset(a, 0, sizeof(*a));
    if (!n || strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    else if (n > 2 && n < sizeof(bare) && host[0] == '[' && host[n - 1] == ']') {
        memcpy(bare, host + 1, n - 2);
        bare[n - 2] = '\0';
        host = bare;
    }
    *out_len = sizeof(a->in6);
    if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1 || strcmp(host, "*") == 0) {
        a->in6.sin6_family = AF_INET6; /* all addresses: of both families */
        a->in6.sin6_port = htons((uint16_t)port);
        return 0;
    }
    *out_len = sizeof(a->in);
    a->in.sin_family = AF_INET;
    a->in.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1)
        return 0;
    return err_set(e, "'%s' is not an IP address, * or localhost", host);
}

static int bound_port(int fd)
{
    union address a;
    socklen_t len = sizeof(a);
    if (getsockname(fd, &a.any, &len) < 0)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
}

static int bind_udp(union address *a, socklen_t len)
{
    int fd = socket(a->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, &a->any, len) < 0) {
        int saved = errno;
        fd_close(&fd);
        errno = saved;
    }
    return fd;
}

struct dgram *dgram_udp(struct loop *l, const char *host, int port, struct dgram_user user,
                        struct err *e)
{
    union address a;
    socklen_t len;
    if (parse_host(host, port, &a, &len, e) < 0)
        return NULL;
    int fd = bind_udp(&a, len);
    if (fd < 0 && strcmp(host, "*") == 0) { /* a kernel without IPv6 */
        if (parse_host("0.0.0.0", port, &a, &len, e) < 0)
            return NULL;
        fd = bind_udp(&a, len);
    }
    if (fd < 0) {
        err_errno(e, errno, "cannot bind UDP port %d of %s", port, *host ? host : "127.0.0.1");
        return NULL;
    }
    struct dgram *d = dgram_new(l, fd, user, e);
    if (d)
        d->port = bound_port(fd);
    return d;
}

/* True if nobody answers on the socket at the path, which is then removed. */
static bool remove_stale(const union address *a)
{
    struct stat st;
    int fd = -1;
    bool stale = false;
    if (lstat(a->un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        stale = connect(fd, &a->any, sizeof(a->un)) < 0 && errno == ECONNREFUSED;
    fd_close(&fd);
    return stale && unlink(a->un.sun_path) == 0;
}

static int bind_path(const union address *a)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t old = umask(0155); /* 0622 from the first moment on */
    int r = fd < 0 ? -1 : bind(fd, &a->any, sizeof(a->un));
    if (fd >= 0 && r < 0 && errno == EADDRINUSE && remove_stale(a))
        r = bind(fd, &a->any, sizeof(a->un));
    int saved = errno;
    umask(old);
    if (r < 0)
        fd_close(&fd);
    errno = saved;
    return fd;
}

struct dgram *dgram_unix(struct loop *l, const char *path, struct dgram_user user, struct err *e)
{
    union address a = {.un = {.sun_family = AF_UNIX}};
    size_t n = strlen(path);
    if (n >= sizeof(a.un.sun_path)) {
        err_errno(e, ENAMETOOLONG, "socket %s", path);
        return NULL;
    }
    memcpy(a.un.sun_path, path, n);
    int fd = bind_path(&a);
    if (fd < 0) {
        if (errno == EADDRINUSE)
            err_set(e, "cannot bind socket %s: it is in use, or no socket is there", path);
        else
            err_errno(e, errno, "cannot bind socket %s", path);
        return NULL;
    }
    struct dgram *d = dgram_new(l, fd, user, e);
    if (d)
        d->path = mem_strdup(path);
    else
        unlink(path);
    return d;
}

int dgram_port(const struct dgram *d)
{
    return d->port;
}

void dgram_free(struct dgram **dp)
{
    struct dgram *d = *dp;
    *dp = NULL;
    if (!d)
        return;
    loop_io_close(&d->io, &d->fd);
    if (d->path)
        unlink(d->path);
    free(d->path);
    free(d);
}
