/* How supd-agent gets files that its own user may not open: it asks supd-log, which has the rights
 * of supd, over a SOCK_SEQPACKET pair that supd made. A request is one byte (FILEASK_...) and a
 * path without a NUL, with a socket to answer on. The answer is a struct fileask_answer, with a
 * descriptor if errnum is 0. supd-log opens nothing but what the list that supd gave it names, and
 * nothing on whose way somebody else than root can put something. */
#ifndef CORE_FILEASK_H
#define CORE_FILEASK_H

#include <stdint.h>

#define FILEASK_PATH 4096 /* of a path or pattern, at most */
enum {
    FILEASK_OPEN = 'o',  /* the file itself, to be read */
    FILEASK_MATCH = 'm', /* memory with the paths that a pattern matches, a NUL behind each */
};

struct fileask_answer {
    int32_t errnum;
    char why[252]; /* "" if errnum says it all */
};

#endif
