/* What goes on when supd cannot: a loop that reaps, passes signals on and shuts down. */
#ifndef RUN_KEEPER_H
#define RUN_KEEPER_H

#include "supervisor/run/state.h"

/* True after too many faults in a short time: to go on would be to fault again. */
bool keeper_needed(const struct state *s);
/* Keeps what runs, until TERM, INT or QUIT; then ends it. Nothing is started any more, and nobody
 * answers supctl; supd-log reads on. why: for the log. Returns the exit status. */
int keeper_run(struct state *s, const char *why);

#endif
