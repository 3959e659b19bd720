/* What supd-agent serves over HTTP: on [agent] listen=, and on the servers of Supervisor. */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "supervisor/agent/program.h"

extern const struct agent_server rpc_server;

/* Appends the metrics of all that the agent knows, for Prometheus, in steps from 0 on; false: that
 * was the last. */
bool metrics_step(const struct agent_program *a, size_t step, struct str *out);

#endif
