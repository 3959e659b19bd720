/* Listening sockets as a configuration asks for them. Made in a process that may wait for a disk:
 * the path of a unix socket is looked at, and whoever listens there is tried. */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include "supervisor/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct listener {
    const char *path; /* of a unix socket, absolute; NULL: TCP */
    int64_t uid, gid; /* its owner; -1: unchanged */
    int mode;
    const char *host; /* an address, "" for all of IPv4 */
    int port;
    int backlog;  /* <= 0: as much as the system allows */
    bool replace; /* whoever listens at the path loses it */
};

enum listener_end {
    LISTENER_OPEN,
    LISTENER_BUSY /* somebody else listens there */,
    LISTENER_FAILED
};

struct listener_got {
    enum listener_end end;
    int fd;            /* non-blocking, close-on-exec; -1 */
    bool stale;        /* a socket that nobody listened on was in its place */
    uint64_t dev, ino; /* of the path */
    struct err e;      /* why not; errnum is set */
};

/* A unix socket is whole when it appears under its path: with its mode and its owner, and
 * listening. */
void listener_open(const struct listener *l, struct listener_got *out);
/* Removes the path if it is still the same socket. */
void listener_remove(const char *path, uint64_t dev, uint64_t ino);

#endif
