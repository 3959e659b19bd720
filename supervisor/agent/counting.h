/* What metrics count: the output of programs, and StatsD's datagrams. */
#ifndef AGENT_COUNTING_H
#define AGENT_COUNTING_H

#include "supervisor/agent/procs.h"
#include "supervisor/agent/program.h"

void counting_setup(struct agent_program *a);
/* a->gen is in use: asks supd for the output that metrics want, opens the sockets of StatsD. */
void counting_apply(struct agent_program *a);
/* The socket on which output comes. */
void counting_text(struct agent_program *a, int fd);
/* What a process that ended has left without a newline is a line. */
void counting_process(struct agent_program *a, const struct procs_change *c);
void counting_fini(struct agent_program *a);

#endif
