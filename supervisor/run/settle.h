/* What waits for a process to be down: taking over a new configuration, going away, the next level
 * of a shutdown. Done at the end of a turn, when no machine is being stepped. */
#ifndef RUN_SETTLE_H
#define RUN_SETTLE_H

#include "supervisor/run/procs.h"

/* A process may be ready for that; looks at the end of this turn. */
void settle_later(struct sup *s);
/* The deferred pass itself. */
void settle_now(struct sup *s);

#endif
