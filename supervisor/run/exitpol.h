/* The end of a program that ends supd: exit_on=, critical=, on_fatal=exit, exit_code=. */
#ifndef RUN_EXITPOL_H
#define RUN_EXITPOL_H

#include "supervisor/run/procs.h"

/* A process was moved from this state. If that was its end for good, and the configuration wants
 * it, begins the shutdown, with the exit status that says why. */
void exitpol_moved(struct proc *p, uint16_t before);
/* One that is up has come to wait for what does not come by itself: with exit_on=all it counts as
 * ended. */
void exitpol_look(struct sup *s);
/* The exit status of supd's main: a status -N, for a program that signal N ended, becomes 128+N as
 * PID 1, which cannot die of a signal; else supd dies of that signal, too, without a core. */
int exitpol_leave(int status);

#endif
