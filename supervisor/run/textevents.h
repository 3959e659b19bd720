/* Supervisor's events about output: PROCESS_LOG_STDOUT and _STDERR, PROCESS_COMMUNICATION_STDOUT
 * and _STDERR (supervisor-compat, sections 13.2 and 13.4), made of the text that supd-log passes
 * on. */
#ifndef RUN_TEXTEVENTS_H
#define RUN_TEXTEVENTS_H

#include "supervisor/run/procs.h"

struct textevents;

/* Reads from fd, which is its own from now on, also when it fails. unlisten(obj) is called when
 * text came that nobody wants any more, at the end of a turn. NULL and the reason. */
struct textevents *textevents_new(struct sup *s, int fd, loop_fn *unlisten, void *obj,
                                  struct err *e);
void textevents_free(struct textevents **t);
/* Text of this stream, as it is tapped now, is published; or no more. t may be NULL for del. */
void textevents_add(struct textevents *t, struct proc *p, int channel);
void textevents_del(struct textevents *t, struct proc *p, int channel);
/* There may be event listeners now, in whose memory is kept what another supd has to go on with. */
void textevents_keep(struct textevents *t);
/* Publishes all that is in the socket now. */
void textevents_catch_up(struct textevents *t);

#endif
