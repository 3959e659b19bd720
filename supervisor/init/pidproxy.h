/* pidproxy, which comes with Supervisor: runs a command, and passes signals on to the process whose
 * pid a file holds. */
#ifndef INIT_PIDPROXY_H
#define INIT_PIDPROXY_H

#include <stdbool.h>

/* Whether argv[0] says so. */
bool pidproxy_wanted(int argc, char *const *argv);
/* pidproxy PIDFILE COMMAND [ARG...]; returns the exit status: 0 when the command has ended,
 * however, and after TERM, INT and QUIT; 1 for wrong usage and where one of these could not be
 * passed on; 127 if the command cannot be started. */
int pidproxy_main(int argc, char **argv);

#endif
