/* What supd says over the channel, and what is answered. */
#ifndef LOGD_ORDERS_H
#define LOGD_ORDERS_H

#include "supervisor/logd/logd.h"

/* Reads and obeys the messages that wait; reader thread, without the lock. */
void orders_take(struct logd *d);
/* Answers the questions that are settled now; with the lock. */
void orders_answer(struct logd *d);
/* A writer finished a turn: clears may be done, everything may be written; with the lock. */
void orders_settled(struct logd *d);
/* Lets go of the closing streams that are through; reader thread, without the lock. */
void orders_release(struct logd *d);
/* True when supd is gone and all is written, or nothing moved for long; or to start over. */
bool orders_done(struct logd *d);
/* A stream that was closing before we started. */
void orders_close(struct logd *d, struct stream *s);

#endif
