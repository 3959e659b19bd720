/* Where the agent's alerts are kept: a file in state_dir=, or memory that supd holds where that
 * cannot be used or its disk does not answer. */
#ifndef AGENT_STORING_H
#define AGENT_STORING_H

#include "supervisor/agent/program.h"

/* Opens the store of a->gen's state_dir for a->engine, which must not have one yet. */
void storing_open(struct agent_program *a);
/* Closes it; after the engine was freed. */
void storing_fini(struct agent_program *a);

#endif
