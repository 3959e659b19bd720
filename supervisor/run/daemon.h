/* Going to the background, as supervisord does under its own name. */
#ifndef RUN_DAEMON_H
#define RUN_DAEMON_H

#include "supervisor/run/sup.h"

/* Forks when supervisord would: under its name, without -n and nodaemon, not as PID 1. Called
 * before there is anything else. Returns -1 where supd is to run (in the foreground, or in the
 * background with 0, 1 and 2 on /dev/null), else the exit status of the process that was started: 0
 * once the one in the background is up, 2 when its configuration was wrong, which it has said. */
int daemon_enter(struct sup_options *o);
/* Goes to [supervisord] directory. Nothing in the foreground. */
void daemon_settle(const struct sup_options *o);
/* All is up: lets the waiting process end. */
void daemon_ready(struct sup_options *o);

#endif
