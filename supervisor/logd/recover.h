/* Opening a sink for the first time in this run: what a killed predecessor left is settled. */
#ifndef LOGD_RECOVER_H
#define LOGD_RECOVER_H

#include "supervisor/logd/writer.h"

/* A free place to note a rotation in, taken for the stream in this slot; NULL when all hold what a
 * predecessor left. Takes the lock. */
struct logshm_rotation *rotation_note(struct logd *d, uint32_t slot);
/* Finishes a rotation that was under way, opens the sink, and decides about a write that was: it
 * counts as far as the file has it. With the lock, let go for the I/O. 0, or -1 and the reason. */
int recover_sink(struct writer *w, struct sink *k, struct err *e);

#endif
