/* One turn of a writer with one sink: settle what a kill left, open, choose bytes, write, rotate.
 */
#ifndef LOGD_BATCH_H
#define LOGD_BATCH_H

#include "supervisor/logd/writer.h"

/* Writes what the sink's outputs hold, a bounded share of it; what remains is queued again. With
 * the lock, let go for the I/O. */
void batch_serve(struct writer *w, struct sink *k);

#endif
