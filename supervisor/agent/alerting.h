/* The agent's alerts: the engine, what it is told and where it keeps what must survive. */
#ifndef AGENT_ALERTING_H
#define AGENT_ALERTING_H

#include "supervisor/agent/program.h"

/* Makes a->engine; after probing_setup, whose ports it shares. False and the reason; alerting_fini
 * cleans up. */
bool alerting_setup(struct agent_program *a, struct err *e);
void alerting_fini(struct agent_program *a);
/* a->gen is in use from now on. False: the engine did not take it, and goes on with the one before,
 * which has to stay. */
bool alerting_apply(struct agent_program *a);

/* What happened. */
void alerting_probe(struct agent_program *a, const struct probe_event *ev);
void alerting_process(struct agent_program *a, const struct procs_change *c);
/* The snapshot of all processes is there. */
void alerting_snapshot(struct agent_program *a);

#endif
