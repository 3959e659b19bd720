/* The sources of readiness, one file each. */
#ifndef RUN_READY_SOURCES_H
#define RUN_READY_SOURCES_H

#include "supervisor/run/readiness.h"

extern const struct ready_source ready_notify, ready_fd, ready_pidfile, ready_probe, ready_command,
    ready_log;

/* Ends the command of ready=command: that runs for it, if there is one. */
void ready_command_end(struct proc *p);

#endif
