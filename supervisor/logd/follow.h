/* Reading a log file from its end on, over rotations. */
#ifndef LOGD_FOLLOW_H
#define LOGD_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

struct follow {
    char *path;
    int backups;
    int fd;
    int64_t off;
    bool marks; /* for supd-agent: say in its text that it was truncated, as Supervisor does; and
                   follow no link that somebody else than we may have put there */
    bool cut;   /* it was, and that is not said yet */
};

/* Opens the file so that its last `bytes` bytes are next; a file that is not there (yet) is empty.
 * 1: a regular file or none, 0: it is something else, -1 with errno. path is copied. */
int follow_open(struct follow *f, const char *path, int backups, int64_t bytes, bool marks);
void follow_close(struct follow *f);
/* Reads on, also into the next file when this one was rotated away, or from the start when it was
 * truncated. Returns the bytes, 0: nothing new, -1 with errno. */
ssize_t follow_read(struct follow *f, char *buf, size_t size);

#endif
