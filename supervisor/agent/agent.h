/* supd-agent: what it does with events and with the requests that supd forwards. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "supervisor/base/err.h"

/* Serves the channel on this descriptor until it closes. Returns the exit status: 0 when it ended
 * in order, 1 (with a message in the log) when it could not begin. */
int agent_run(int channel_fd);

#endif
