/* Makes a listening socket from its address, in a process that may wait: a path may lie on a disk
 * that does not answer, and the name of a host has to be looked up. Never called by PID 1 itself.
 */
#ifndef IO_BINDER_H
#define IO_BINDER_H

#include "supervisor/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct bind_request {
    /* "unix:///path" or "tcp://HOST:PORT", where HOST is a name (its first IPv4 address), an IPv4
     * address, an [IPv6 address], or "*" or nothing: all IPv4 addresses */
    const char *url;
    int backlog;      /* 0: SOMAXCONN */
    uint32_t mode;    /* of the file of a unix socket */
    int64_t uid, gid; /* its owner; -1: as it comes */
    bool spare_live;  /* a unix socket that somebody listens on is left alone: EADDRINUSE */
};

/* A blocking, close-on-exec, listening socket; -1 and the reason, with its errno. What lies at the
 * path is replaced if it is a socket or a symbolic link, and refused if it is anything else. With
 * spare_live e says so when something was replaced, and is left alone else. */
int bind_listen(const struct bind_request *rq, struct err *e);
/* Gives the file of a unix socket that is there the mode and the owner (-1: ours) of the request.
 * 0, or -1 and the reason. */
int bind_change(const struct bind_request *rq, struct err *e);

#endif
