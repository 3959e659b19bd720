/* What supd-agent serves over HTTP: on [agent] listen=, and on the servers of Supervisor. */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "supervisor/agent/program.h"
#include "supervisor/rpc/turn.h"

extern const struct agent_server rpc_server;

/* Appends the metrics of all that the agent knows, for Prometheus, in steps from 0 on; false: that
 * was the last. */
bool metrics_step(const struct agent_program *a, size_t step, struct str *out);

LIST_HEAD(tailings, tailing);

/* What all servers share: the bytes of answers that are half made, and whose calls wait for more;
 * the turns of those who read much of a log; the answers that are being sent; the logs that are
 * followed (logtail.c). */
size_t *rpc_half_made(const struct agent_program *a);
struct turns *rpc_log_turns(const struct agent_program *a);
struct http_in_sending *rpc_sending(const struct agent_program *a);
struct tailings *rpc_tailings(const struct agent_program *a);

#endif
