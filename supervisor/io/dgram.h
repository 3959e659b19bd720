/* Datagrams that others send us: UDP and unix sockets, received in batches, so many a turn, and
 * with the kernel's own count of what it had to drop. */
#ifndef IO_DGRAM_H
#define IO_DGRAM_H

#include "supervisor/base/err.h"
#include "supervisor/io/loop.h"

#include <stddef.h>

#define DGRAM_MAX 8192 /* a longer one is cut behind its last whole line, and counted */
#define DGRAM_BATCH 16
#define DGRAM_TURN 128 /* datagrams a turn at most; the rest waits for the next */

/* What one socket gives its owner; both are called from the loop. */
struct dgram_user {
    void (*take)(void *obj, const char *p, size_t n);
    /* So many were lost since the last call: the socket's buffer was full, or one was cut. */
    void (*lost)(void *obj, uint64_t n);
    void *obj;
};

struct dgram;

/* Binds to an address and port. host: an IP address of either family, "" or "localhost" for
 * 127.0.0.1, "*" for all addresses; names are not looked up. port 0: any. NULL and the reason. */
struct dgram *dgram_udp(struct loop *l, const char *host, int port, struct dgram_user user,
                        struct err *e);
/* Binds to a path, mode 0622: everybody may send. A stale socket is replaced, a live one or another
 * kind of file is an error. It is removed when closed. */
struct dgram *dgram_unix(struct loop *l, const char *path, struct dgram_user user, struct err *e);
void dgram_free(struct dgram **d);
/* The UDP port that it is bound to; 0: a unix socket. */
int dgram_port(const struct dgram *d);

#endif
