/* The pid file: written and removed by a helper, since its folder may be slow or gone. */
#ifndef RUN_PIDFILE_H
#define RUN_PIDFILE_H

#include "supervisor/run/sup.h"

/* Writes our pid to [supervisord] pidfile, if one is configured; failure is a log line. */
void pidfile_write(struct sup *s);
/* Removes it (best effort, in a helper that nobody waits for longer than the shutdown does). */
void pidfile_remove(struct sup *s);

#endif
