/* A DNS server on loopback: answers every A question with 127.0.0.1 and a TTL (and with 127.0.0.2,
 * where that is wanted), or never. */
#ifndef TESTS_DNS_PEER_H
#define TESTS_DNS_PEER_H

#include "supervisor/io/loop.h"
#include "tests/unit/peers.h"

struct dns_peer {
    int fd;
    unsigned port, asked;
    char servers[32];
    bool silent, two;
    unsigned rcode; /* of its answers: 0, 2 SERVFAIL, 3 NXDOMAIN */
    struct loop_io io;
};

/* the end of the question: header, name, type, class */
static inline size_t dns_question_end(const unsigned char *p, size_t n)
{
    size_t at = 12;
    while (at < n && p[at])
        at += p[at] + 1u;
    return at + 5;
}

static inline void dns_peer_answer(struct dns_peer *d)
{
    unsigned char p[600];
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    ssize_t n = recvfrom(d->fd, p, 512, 0, (void *)&from, &len);
    if (n < 12)
        return;
    d->asked++;
    size_t end = dns_question_end(p, (size_t)n);
    bool a = p[end - 3] == 1 && !d->rcode;
    static const unsigned char rr[][16] = {{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1},
                                           {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 2}};
    size_t answers = !a ? 0 : d->two ? 2 : 1;
    if (d->silent)
        return;
    p[2] = 0x81, p[3] = (unsigned char)(0x80 | d->rcode);
    p[6] = 0, p[7] = (unsigned char)answers;
    memset(p + 8, 0, 4);
    memcpy(p + end, rr, answers * sizeof(rr[0]));
    sendto(d->fd, p, end + answers * sizeof(rr[0]), 0, (void *)&from, len);
}

static inline void dns_peer_start(struct dns_peer *d, struct loop *l)
{
    *d = (struct dns_peer){.fd = -1};
    d->fd = peer_bind(SOCK_DGRAM, &d->port);
    snprintf(d->servers, sizeof(d->servers), "127.0.0.1:%u", d->port);
    LOOP_IO(&d->io, l, dns_peer_answer, d);
    loop_io_set(&d->io, d->fd, LOOP_READ);
}

static inline void dns_peer_stop(struct dns_peer *d)
{
    loop_io_close(&d->io, &d->fd);
}

#endif
