/* What supd says of itself to those above it: its service manager (NOTIFY_SOCKET, the protocol of
 * sd_notify) and whoever looks at the ready file. Both say ready at the first moment when all
 * programs with autostart are up at once: RUNNING, or ended with success, or stopped by hand. */
#ifndef RUN_UPSTREAM_H
#define RUN_UPSTREAM_H

#include "supervisor/run/sup.h"

/* state_kept.ready */
enum supready { SUPREADY_NOT_YET, SUPREADY_SAID };

/* Before the programs start: removes a ready file of an earlier run. Nothing follows, here and
 * below, when there is neither a socket nor a file. */
void upstream_begin(struct sup *s);
/* The same in the place of another supd. */
void upstream_go_on(struct sup *s);
void upstream_fini(struct sup *s);
/* Some process has changed: looks at the end of the turn whether all are up. */
void upstream_look_later(struct sup *s);
/* The configuration is being reloaded; that is over, and whether it is in use now. */
void upstream_reload_begin(struct sup *s);
void upstream_reload_end(struct sup *s, bool good);
void upstream_stopping(struct sup *s, const char *why);
/* In a helper process: the ready file, if it is ours, goes. True where there may be one. */
bool upstream_has_file(const struct sup *s);
void upstream_remove_file(const struct sup *s);

#endif
