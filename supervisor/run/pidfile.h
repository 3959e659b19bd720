/* The pid file: written and removed by a helper, since its folder may be slow or gone. */
#ifndef RUN_PIDFILE_H
#define RUN_PIDFILE_H

#include "supervisor/run/sup.h"

/* Writes our pid to [supervisord] pidfile, if one is configured; failure is a log line. */
void pidfile_write(struct sup *s);
/* Removes it. True if done(s, status) will be called when that is over; it may take long. */
typedef void pidfile_done_fn(struct sup *s, int status);
bool pidfile_remove(struct sup *s, pidfile_done_fn *done);

#endif
