/* Unix stream sockets: listen with stale-socket replacement, accept with peer credentials, connect,
 * and passing of descriptors. */
#ifndef IO_USOCK_H
#define IO_USOCK_H

#include "supervisor/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct usock_peer {
    int pid;
    unsigned uid, gid;
};

/* Binds and listens on path (any length up to the system's 107 bytes; longer ones through
 * /proc/self/fd of the folder). A stale socket (nobody answers) is replaced; a live one is an
 * error that says so. Mode 0600, or 0660 and group gid if gid >= 0, and nothing that takes its
 * place meanwhile is changed. A name that starts with '@' is abstract. Returns the non-blocking,
 * close-on-exec descriptor, or -1 and the reason. */
int usock_listen(const char *path, int64_t gid, struct err *e);
/* Accepts one connection, non-blocking and close-on-exec, and reads SO_PEERCRED; -1 with errno. */
int usock_accept(int fd, struct usock_peer *out_peer);
/* Connects (blocking); -1 and the reason. */
int usock_connect(const char *path, struct err *e);
/* Sends n bytes with nfds descriptors (at most USOCK_FDS) in one message; the bytes sent, or -1. */
#define USOCK_FDS 200
ssize_t usock_send(int fd, const void *p, size_t n, const int *fds, size_t nfds);
/* Receives up to n bytes and up to max descriptors (close-on-exec). Returns bytes, 0 at the end,
 * -1 with errno; *out_nfds descriptors now belong to the caller. */
ssize_t usock_recv(int fd, void *p, size_t n, int *fds, size_t max, size_t *out_nfds);

#endif
