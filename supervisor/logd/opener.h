/* Opens files for supd-agent, whose user may not (core/fileask.h). */
#ifndef LOGD_OPENER_H
#define LOGD_OPENER_H

/* Serves the requests that come on sock, in a thread of its own until the other end is closed or
 * sock is shut down. list: memory with the paths and patterns that may be opened, a NUL behind
 * each. Takes both descriptors; 0, or -1 with errno. */
int opener_start(int sock, int list);

#endif
