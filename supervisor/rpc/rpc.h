/* What supd-agent serves over HTTP on [agent] listen=. */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "supervisor/agent/program.h"

extern const struct agent_server rpc_server;

/* Appends the metrics of all that the agent knows, for Prometheus. */
void metrics_write(const struct agent_program *a, struct str *out);

#endif
