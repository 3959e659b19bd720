/* The parts of /metrics, each one subject. */
#ifndef RPC_METRICS_H
#define RPC_METRICS_H

#include "supervisor/core/expo.h"
#include "supervisor/rpc/rpc.h"

void metrics_probes(struct expo *x, const struct agent_program *a);
void metrics_statsd(struct expo *x, const struct agent_program *a);
void metrics_alerts(struct expo *x, const struct agent_program *a);

#endif
