/* The agent's end of the descriptors that supd hands over (core/hand.h). */
#ifndef AGENT_HAND_H
#define AGENT_HAND_H

#include "supervisor/base/err.h"
#include "supervisor/io/loop.h"

struct hand;

/* what: the message's text; fd belongs to the callee from now on. */
typedef void hand_fn(void *obj, const char *what, int fd);

/* Watches fd, which belongs to the hand from now on. NULL and the reason. */
struct hand *hand_new(struct loop *l, int fd, hand_fn *fn, void *obj, struct err *e);
/* Takes what is there now, without waiting for its turn; h may be NULL. */
void hand_take(struct hand *h);
void hand_free(struct hand **h);

#endif
