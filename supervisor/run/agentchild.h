/* The child that becomes supd-agent. */
#ifndef RUN_AGENTCHILD_H
#define RUN_AGENTCHILD_H

#include "supervisor/run/sup.h"

/* In the child: makes the agent's folder, takes its user, and executes the program with the channel
 * and the other socket in their places and nothing else of ours. Ends with 126 or 127 where that
 * fails. */
void agent_child(const struct sup *s, const char *program, int channel, int handed)
    __attribute__((noreturn));

#endif
