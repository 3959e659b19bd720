/* Hands out log files to be read: a read-only descriptor of the very file that a stream is written
 * to now, for supd-agent, whose user may not open it. */
#ifndef LOGD_READING_H
#define LOGD_READING_H

#include "supervisor/logd/logd.h"

/* Answers on sock (struct fileask_answer, core/fileask.h, with a descriptor if its errnum is 0)
 * once what the stream has read so far is written, or soon after; by a thread, since its disk may
 * not answer. make: a file that is not there is made. Takes sock. ENOENT: no file; EINVAL: no
 * regular file. Without the lock. */
void reading_start(struct logd *d, uint32_t slot, bool make, int sock);

#endif
