/* The sources of readiness, one file each. */
#ifndef RUN_READY_SOURCES_H
#define RUN_READY_SOURCES_H

#include "supervisor/run/readiness.h"

extern const struct ready_source ready_notify, ready_fd, ready_pidfile, ready_probe;

#endif
