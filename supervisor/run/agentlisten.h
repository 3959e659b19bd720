/* The listening socket of [agent] listen=: supd makes it, because the agent may not (a port below
 * 1024), and so that connections wait while the agent is being restarted. */
#ifndef RUN_AGENTLISTEN_H
#define RUN_AGENTLISTEN_H

#include "supervisor/base/err.h"
#include "supervisor/conf/gen.h"

/* A listening, non-blocking, close-on-exec socket, or -1 and the reason. */
int agentlisten_open(const struct gen *g, struct err *e);

#endif
