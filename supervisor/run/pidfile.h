/* The pid file: written and removed by a helper, since its folder may be slow or gone. */
#ifndef RUN_PIDFILE_H
#define RUN_PIDFILE_H

#include "supervisor/run/sup.h"

/* Writes our pid to [supervisord] pidfile, if one is configured; failure is a log line. */
void pidfile_write(struct sup *s);
/* Removes it if it still holds our pid; done(s) is called when that is over. False: there is
 * nothing to do, and done is not called. */
bool pidfile_remove(struct sup *s, void (*done)(struct sup *s, int status));

#endif
