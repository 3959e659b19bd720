/* The agent's probes: run for the generation in use, their results passed on. */
#ifndef AGENT_PROBING_H
#define AGENT_PROBING_H

#include "supervisor/agent/program.h"

/* Makes the ports and a->probes, without any probe yet. False and the reason. */
bool probing_setup(struct agent_program *a, struct err *e);
void probing_fini(struct agent_program *a);
/* a->gen is in use from now on. */
void probing_apply(struct agent_program *a);
/* What a process did. */
void probing_process(struct agent_program *a, const struct procs_change *c);

#endif
