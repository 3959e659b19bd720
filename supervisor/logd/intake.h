/* Taking what a pipe holds into the stream's blocks. One thread at a time reads a pipe: the reader,
 * or the writer of a fast stream (pull.h). All of it wants the lock, and what touches the pipe lets
 * it go meanwhile. */
#ifndef LOGD_INTAKE_H
#define LOGD_INTAKE_H

#include "supervisor/logd/logd.h"

/* Claims the stream's pipe. False: another thread reads it. wait: until that is over; only for the
 * reader, and always true. */
bool intake_begin(struct logd *d, struct stream *s, bool wait);
/* Waits until no other thread reads it; only for the reader. */
void intake_wait(struct logd *d, const struct stream *s);
/* Gives it back. */
void intake_end(struct logd *d, struct stream *s);

/* Bytes in a claimed pipe. */
size_t intake_waiting(struct logd *d, struct stream *s);
/* Takes up to n bytes that a claimed pipe is known to hold. Returns how many; 0: there is no room
 * for now, they stay in the pipe. */
size_t intake_take(struct logd *d, struct stream *s, size_t n);
/* Takes what a claimed pipe holds, in one read at most; how full it was in *out_percent. */
size_t intake_some(struct logd *d, struct stream *s, int *out_percent);

/* Bytes in a pipe just now, for who needs no claim. */
size_t intake_fill(const struct stream *s);

#endif
