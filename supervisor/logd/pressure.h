/* What happens when all blocks are in use: history goes first, then the oldest lines of whoever
 * holds most. */
#ifndef LOGD_PRESSURE_H
#define LOGD_PRESSURE_H

#include "supervisor/logd/logd.h"

/* Frees at least one block, if that can be; with the lock. */
bool pressure_relieve(struct logd *d);
/* Drops the oldest unwritten bytes of a stream, whole lines where there are any: about `bytes`.
 * Returns the blocks that this freed. */
uint32_t pressure_drop(struct logd *d, struct stream *s, uint64_t bytes);
/* Drops all that an output has not written; a mark of it comes before what is written next. */
void pressure_skip(struct logd *d, struct out *o);

#endif
