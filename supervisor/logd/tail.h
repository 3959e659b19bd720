/* Clients that want output: supd hands their connections over; a thread for each answers from the
 * file or from memory, follows if asked, and closes. */
#ifndef LOGD_TAIL_H
#define LOGD_TAIL_H

#include "supervisor/logd/logd.h"

/* NULL for lack of memory. */
struct tails *tails_new(void);
/* Takes a client. s: NULL if there is no such stream. text: the request's id (msg->nid bytes), then
 * bytes that are to be sent first. Without the lock. -1: not taken, fd stays the caller's. */
int tails_add(struct logd *d, struct stream *s, int fd, const struct logshm_msg *msg,
              const char *text);
/* The stream got further; with the lock. */
void tails_wake(struct logd *d, const struct stream *s);
/* The stream goes away: its followers end; with the lock. */
void tails_forget(struct logd *d, const struct stream *s);

#endif
