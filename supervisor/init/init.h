/* Plain init: PID 1, or a subreaper, that starts one command, passes signals on, reaps, and ends
 * with the command's exit status. One process: no helper, no thread, no descriptor of its own, no
 * wake-up while nothing happens. */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <stdbool.h>

/* Whether this command line asks for a plain init: by the name it is called, by a first argument
 * --as=NAME, or, for our own, by a "--" with nothing but plain init's options before it. */
bool init_wanted(int argc, char *const *argv);
/* Runs it, as the persona that the command line means, our own if it means none; returns the exit
 * status of the process. */
int init_main(int argc, char **argv);

#endif
