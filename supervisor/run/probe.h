/* Whether this supd could go on from another one's state. */
#ifndef RUN_PROBE_H
#define RUN_PROBE_H

/* `supd --probe-state FD`: reads the state, changes nothing, and says on standard output where its
 * helpers are, one line each: its own folder, supd-log, supd-agent (empty: not needed). 0, or 1
 * after a sentence on standard error. */
int probe_state(int fd);

#endif
