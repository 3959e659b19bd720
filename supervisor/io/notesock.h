/* The socket behind NOTIFY_SOCKET: datagrams of which the kernel says who sent them. What comes
 * with them is not let in: the last close of a foreign descriptor may hang (SO_LINGER, FUSE), so a
 * message with some is looked at, and taken off the queue by a process that may hang. */
#ifndef IO_NOTESOCK_H
#define IO_NOTESOCK_H

#include "supervisor/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Room for a name: "@supd-notify-" and 16 digits. It is in the abstract namespace, so that nothing
 * has to be writable and nothing is left behind. */
#define NOTESOCK_NAME 32

struct notesock_from {
    int pid; /* 0: of another pid namespace, or the kernel did not say */
    unsigned uid;
    bool cut; /* it is longer than the room for it */
    bool fds; /* descriptors came with it */
};

/* Opens one under a new random name: non-blocking, close-on-exec. -1 with errno. */
int notesock_open(char name[static NOTESOCK_NAME]);
/* The first message of the queue, which stays there. Returns its length, or -1 with errno (EAGAIN:
 * there is none). */
ssize_t notesock_peek(int fd, char *buf, size_t size, struct notesock_from *out_from);
/* Takes the first message off the queue. May hang if it has descriptors. */
void notesock_drop(int fd);
/* No message comes any more; those that are there stay. */
void notesock_shut(int fd);

#endif
