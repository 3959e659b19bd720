/* What is said to a name that nothing has. */
#ifndef AGENT_UNKNOWN_H
#define AGENT_UNKNOWN_H

#include "supervisor/agent/program.h"

/* True if the configuration has no [family:name]. */
bool unknown_item(const struct agent_program *a, const struct family *f, const char *name);
/* Answers that there is none, with the name that comes near if one does. */
void unknown_refuse(struct agent_program *a, const struct channel_req *rq, const struct family *f,
                    const char *name);

#endif
