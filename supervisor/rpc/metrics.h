/* The parts of /metrics, each one subject, written in steps: of very many probes all at once would
 * hold the agent up. */
#ifndef RPC_METRICS_H
#define RPC_METRICS_H

#include "supervisor/core/expo.h"
#include "supervisor/rpc/rpc.h"

struct metrics_part {
    size_t steps; /* whatever there is to be told, so that a reload in between repeats no family */
    void (*write)(struct expo *x, const struct agent_program *a, size_t step); /* whole families */
};
extern const struct metrics_part metrics_probes, metrics_statsd, metrics_alerts;

#endif
