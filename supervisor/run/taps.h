/* Who gets the text of which program: supd itself, for Supervisor's events PROCESS_LOG and
 * PROCESS_COMMUNICATION, while somebody listens; supd-agent, where it asked. The text comes from
 * supd-log (core/tap.h). Everything here accepts a NULL struct taps: there are none then. */
#ifndef RUN_TAPS_H
#define RUN_TAPS_H

#include "supervisor/run/procs.h"

struct taps;

/* Makes s->taps, without a socket. 0, or -1 and the reason. */
int taps_setup(struct sup *s, struct err *e);
void taps_free(struct taps **t);
/* Another supd left this end of its socket, with all that is in it: whoever listens first goes on
 * with it. Then nobody does: it is closed. */
void taps_go_on(struct taps *t, int fd);
void taps_leave(struct taps *t);

/* Makes the taps of a process fit its configuration and its streams, which may be new. */
void taps_sync(struct proc *p);
/* The stream is about to go away. */
void taps_drop(struct proc *p, int channel);
/* True if the agent wants the text, so that a stream is worth making. */
bool taps_wanted(const struct proc *p, int channel);

/* Somebody subscribed to text events. That nobody does any more shows at the next text. */
void taps_listen(struct taps *t);
/* Publishes the text that is there now: what a process said before something happened to it comes
 * before the event of that. */
void taps_catch_up(struct taps *t);

/* For a new supd-agent, which wants nothing yet but what ready=log: needs: the end that it reads
 * from, which is the caller's, or -1. */
int taps_agent_open(struct taps *t);
/* It is gone. */
void taps_agent_close(struct taps *t);
/* It wants the text of a program (on), or not any more; channels: bit 0 stdout, bit 1 stderr.
 * False: no memory, or it wants too many. */
bool taps_agent_want(struct taps *t, const char *program, unsigned channels, bool on);

#endif
