/* Where the agent keeps what must survive it: a file in state_dir=, or memory that supd holds where
 * that cannot be used. */
#ifndef AGENT_STORING_H
#define AGENT_STORING_H

#include "supervisor/agent/program.h"

/* A state_dir= that has not answered for so long is given up: nothing can be judged before. A
 * predecessor that is still closing its file takes some of it. */
#define STORING_LIMIT DUR_S(10)

/* Opens the store, once a->gen is there, and tells the engine. */
void storing_open(struct agent_program *a);
/* Writes what is left, for a moment; after engine_free. */
void storing_close(struct agent_program *a);

#endif
