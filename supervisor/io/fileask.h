/* Asks supd-log for a file that we may not open (core/fileask.h). */
#ifndef IO_FILEASK_H
#define IO_FILEASK_H

#include "supervisor/core/fileask.h"

/* Asks over the socket and waits for the answer, for a thread's use: FILEASK_OPEN or FILEASK_MATCH.
 * The descriptor, or -1 and what was answered; ETIMEDOUT: nothing was, for ten seconds. */
int fileask(int sock, char what, const char *path, struct fileask_answer *out);

#endif
