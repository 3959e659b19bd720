/* A fast stream's pipe is read by the thread that writes its file: what was read is still in that
 * core's cache when it is written, and nobody has to be woken in between. */
#ifndef LOGD_PULL_H
#define LOGD_PULL_H

#include "supervisor/logd/writer.h"

/* The sink's writer has nothing to write: reads more for it, if that is its turn and not the
 * reader's. True: there is more now; else the writer looks again later by itself where it is to.
 * With the lock, which it lets go meanwhile. */
bool pull(struct writer *w, struct sink *k);

#endif
