/* The socket of the HTTP client: connecting, waiting and limits of time. */
#include "supervisor/io/http_call_impl.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mono.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_MS 30000
#define SEND_MS 60000
#define READ_SIZE 65536u

void hcall_close(struct hcall *h)
{
    fd_close(&h->fd);
    str_clear(&h->in);
    h->handed = 0;
    h->part = PART_NONE;
    h->keep = false;
}

int hcall_fail(struct hcall *h, enum hcall_why why, int errnum, const char *fmt, ...)
{
    va_list ap;
    h->error = (struct hcall_error){.why = why, .errnum = errnum, .begun = h->got};
    va_start(ap, fmt);
    vsnprintf(h->error.text, sizeof(h->error.text), fmt, ap); /* perhaps of what was read */
    va_end(ap);
    hcall_close(h);
    return -1;
}

static int fail_system(struct hcall *h, int errnum)
{
    return hcall_fail(h, HCALL_SYSTEM, errnum, "%s", strerror(errnum));
}

static bool stopped(const struct hcall *h)
{
    return h->stop && *h->stop;
}

/* poll(2) that no signal slips by: they are let through only while it waits */
static int poll_once(struct hcall *h, struct pollfd *p, int64_t ms)
{
    sigset_t all, before;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    errno = EINTR;
    int r = stopped(h) ? -1 : ppoll(p, 1, ms < 0 ? NULL : &t, &before), saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return r;
}

/* 0 when fd is ready for events; -1 with errno, ETIMEDOUT when ms (0: no limit) are over, EINTR
 * when it was stopped */
static int wait_for(struct hcall *h, int fd, short events, int64_t ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    mono_t end = mono_add(mono_now(), DUR_MS(ms));
    for (;;) {
        int64_t left = ms ? mono_sub(end, mono_now()).ns / 1000000 : -1;
        int r = poll_once(h, &p, ms && left < 0 ? 0 : left);
        if (r > 0)
            return 0;
        if (r < 0 && (errno != EINTR || stopped(h)))
            return -1;
        if (r == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}

static int fail_wait(struct hcall *h)
{
    if (errno == EINTR)
        return hcall_fail(h, HCALL_STOPPED, 0, "stopped");
    return fail_system(h, errno);
}

/* 0, or -1 with errno */
static int finish_connect(struct hcall *h, int fd)
{
    int why = 0;
    socklen_t len = sizeof(why);
    if (wait_for(h, fd, POLLOUT, CONNECT_MS) < 0)
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
        return -1;
    errno = why;
    return why ? -1 : 0;
}

/* a unix socket whose queue is full says so at once, unless it is a blocking one that connects */
static int connect_queued(int fd, const struct sockaddr *sa, socklen_t len)
{
    struct timeval limit = {.tv_sec = CONNECT_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    fd_nonblock(fd, false);
    int r = connect(fd, sa, len), why = errno == EAGAIN ? ETIMEDOUT : errno;
    fd_nonblock(fd, true);
    errno = why;
    return r;
}

/* a connected socket, or -1 with errno */
static int try_address(struct hcall *h, const struct sockaddr *sa, socklen_t len)
{
    int one = 1, fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int r = connect(fd, sa, len);
    if (r < 0 && errno == EINPROGRESS)
        r = finish_connect(h, fd);
    if (r < 0 && errno == EAGAIN && sa->sa_family == AF_UNIX)
        r = connect_queued(fd, sa, len);
    if (r < 0) {
        fd_close(&fd);
        return -1;
    }
    if (sa->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static int connect_unix(struct hcall *h)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(h->unix_path);
    if (n >= sizeof(un.sun_path))
        return hcall_fail(h, HCALL_SYSTEM, 0, "AF_UNIX path too long");
    memcpy(un.sun_path, h->unix_path, n + 1);
    h->fd = try_address(h, (struct sockaddr *)&un, sizeof(un));
    return h->fd < 0 ? fail_wait(h) : 0;
}

static int connect_tcp(struct hcall *h)
{
    char port[16];
    struct addrinfo *all = NULL, hints = {.ai_socktype = SOCK_STREAM};
    snprintf(port, sizeof(port), "%u", h->port);
    int r = getaddrinfo(h->host, port, &hints, &all);
    if (r == EAI_SYSTEM)
        return fail_system(h, errno);
    if (r != 0)
        return hcall_fail(h, HCALL_NAME, r, "%s", gai_strerror(r));
    for (const struct addrinfo *a = all; a && h->fd < 0; a = a->ai_next) {
        h->fd = try_address(h, a->ai_addr, a->ai_addrlen);
        if (h->fd < 0 && stopped(h))
            break;
    }
    int saved = errno;
    freeaddrinfo(all);
    errno = saved;
    return h->fd < 0 ? fail_wait(h) : 0;
}

/* true if the kept connection is quiet: neither closed, nor is there what nobody asked for */
static bool usable(const struct hcall *h)
{
    char c;
    return h->fd >= 0 && h->keep && h->in.len == 0 &&
           recv(h->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

int hcall_connect(struct hcall *h)
{
    if (usable(h))
        return 0;
    hcall_close(h);
    return h->unix_path ? connect_unix(h) : connect_tcp(h);
}

int hcall_send(struct hcall *h, const char *p, size_t n)
{
    while (n) {
        ssize_t r = send(h->fd, p, n, MSG_NOSIGNAL);
        if (r < 0 && errno == EAGAIN) {
            if (wait_for(h, h->fd, POLLOUT, SEND_MS) < 0)
                return fail_wait(h);
        } else if (r < 0 && errno != EINTR) {
            return fail_system(h, errno);
        } else if (r > 0) {
            p += r;
            n -= (size_t)r;
        }
    }
    return 0;
}

int hcall_fill(struct hcall *h, bool wait, int64_t ms)
{
    if (!str_reserve(&h->in, READ_SIZE))
        return fail_system(h, ENOMEM);
    for (;;) {
        errno = EINTR;
        if (wait && stopped(h))
            return fail_wait(h);
        ssize_t r = recv(h->fd, h->in.s + h->in.len, READ_SIZE, 0);
        if (r >= 0) {
            h->in.len += (size_t)r;
            h->in.s[h->in.len] = '\0';
            h->got |= r > 0;
            return r > 0;
        }
        if (errno == EAGAIN && !wait)
            return 2;
        if (errno != EAGAIN && errno != EINTR)
            return fail_system(h, errno);
        if (wait_for(h, h->fd, POLLIN, ms) < 0)
            return fail_wait(h);
    }
}
