/* Bytes into a pipe, counted so that the count is right even when supd is killed at any moment. */
#ifndef RUN_LISTENSEND_H
#define RUN_LISTENSEND_H

#include "supervisor/run/listenmem.h"

/* What is counted: what a listener was sent, or what of its output was copied to its log. */
enum listensend_what { LISTENSEND_EVENT, LISTENSEND_COPY };

enum listensend_end {
    LISTENSEND_SOME,  /* some bytes went, or all */
    LISTENSEND_FULL,  /* the pipe takes none now */
    LISTENSEND_BROKEN /* nobody will ever read from it */
};

/* Writes of p[0..n) what the listener's count (sent or copied) says is not written yet, and counts
 * it. Never waits. */
enum listensend_end listensend(struct listenmem *m, uint32_t listener, enum listensend_what what,
                               int fd, const char *p, uint32_t n);
/* Sets the count right that another supd was about to change. */
void listensend_recover(struct listenmem *m);

#endif
