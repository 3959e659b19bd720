/* The way down: groups in falling priority, equal ones at once, then helpers, bounded in time. */
#ifndef RUN_SHUTDOWN_H
#define RUN_SHUTDOWN_H

#include "supervisor/run/sup.h"

/* Begins the shutdown with this exit status; a second call hastens it (KILL). why: for the log. */
void shutdown_begin(struct sup *s, int exit_code, const char *why);
/* Under Supervisor's name a reload: everything is stopped in the order of a shutdown, and then
 * reload_restarted is called. Until then the mood is that of a shutdown, but that supd goes on. */
void shutdown_restart(struct sup *s);
bool shutdown_is_restart(const struct sup *s);
/* Nothing beside programs may begin any more: nobody would wait for it, or end it. */
bool shutdown_is_past_hooks(const struct sup *s);
/* Goes on with the shutdown that another supd began. */
void shutdown_go_on(struct sup *s);
/* A process came to rest, or a part closed: go on if this level is done. */
void shutdown_step(struct sup *s);

#endif
