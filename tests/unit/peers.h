/* Servers on loopback for tests of clients: a thread that accepts and lets a function talk. They
 * are as slow, silent or wrong as a test wants. */
#ifndef TESTS_PEERS_H
#define TESTS_PEERS_H

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

struct peer;
/* Talks over a connection; closes it unless it returns true (then it stays open). req: what was
 * read up to the end of the headers, or with nothing read, "". */
typedef bool peer_fn(struct peer *p, int fd, const char *req);

struct peer {
    int fd, wake[2];
    unsigned port;
    pthread_t thread;
    peer_fn *fn;
    bool reads; /* a request's headers before fn */
    int open[4096];
    size_t nopen;
    char last[4096];   /* the last request */
    unsigned accepted; /* connections so far */
    void *arg;
};

static inline int peer_bind(int type, unsigned *out_port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (void *)&in, sizeof(in)) == 0);
    assert_int_equal(getsockname(fd, (void *)&in, &len), 0);
    *out_port = ntohs(in.sin_port);
    return fd;
}

static inline void peer_read(struct peer *p, int fd)
{
    size_t n = 0;
    p->last[0] = '\0';
    while (n < sizeof(p->last) - 1 && !strstr(p->last, "\r\n\r\n")) {
        ssize_t r = recv(fd, p->last + n, sizeof(p->last) - 1 - n, 0);
        if (r <= 0)
            return;
        n += (size_t)r;
        p->last[n] = '\0';
    }
}

static inline void *peer_main(void *obj)
{
    struct peer *p = obj;
    struct pollfd fds[] = {{p->fd, POLLIN, 0}, {p->wake[0], POLLIN, 0}};
    while (poll(fds, 2, -1) >= 0 && !fds[1].revents) {
        int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        __atomic_add_fetch(&p->accepted, 1, __ATOMIC_SEQ_CST);
        if (p->reads)
            peer_read(p, fd);
        if (p->fn(p, fd, p->last) && p->nopen < COUNT(p->open))
            p->open[p->nopen++] = fd;
        else
            close(fd);
    }
    return NULL;
}

static inline void peer_start(struct peer *p, bool reads, peer_fn *fn)
{
    *p = (struct peer){.fn = fn, .reads = reads};
    p->fd = peer_bind(SOCK_STREAM, &p->port);
    assert_int_equal(listen(p->fd, 1024), 0);
    assert_int_equal(pipe(p->wake), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

static inline void peer_stop(struct peer *p)
{
    assert_int_equal(write(p->wake[1], "x", 1), 1);
    pthread_join(p->thread, NULL);
    while (p->nopen)
        close(p->open[--p->nopen]);
    close(p->fd);
    close(p->wake[0]);
    close(p->wake[1]);
}

static inline void peer_say(int fd, const char *text)
{
    ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)n; /* a client that has gone is its own business */
}

#endif
