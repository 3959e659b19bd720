/* A program's own word about itself: the messages of the sd_notify protocol that an instance sends
 * to its NOTIFY_SOCKET, and the watchdog that they keep quiet. Only for programs with ready=notify
 * or watchdog=. */
#ifndef RUN_NOTIFY_H
#define RUN_NOTIFY_H

#include "supervisor/run/procs.h"

struct readiness;
struct spawn_request;
struct str;
struct wire_out;

/* The steps of an instance, as those of readiness.h; nothing happens where nobody listens. Before
 * its spawn: opens its socket and puts it into the environment. 0 or an errno. */
int notify_prepare(struct proc *p, struct spawn_request *rq);
/* It runs, or (resumed) went on running while supd became another one. */
void notify_start(struct proc *p, bool resumed);
/* It is dead, but its machine does not know yet: hears what it said last. Its successor, a child of
 * ours that it named with MAINPID and that is alive; 0: none. */
int notify_ended(struct proc *p);
void notify_stop(struct proc *p);
/* The process is about to be freed: what its instances said, too. */
void notify_forget(struct proc *p);

/* Who wants to be told of READY=1; NULL: nobody. */
void notify_tell(struct proc *p, struct readiness *r);

/* True if its watchdog has had to end the instance. */
bool notify_was_aborted(const struct proc *p);
/* Appends "status_text", "doing" and "main_pid" of its last instance. */
void notify_put(const struct proc *p, struct wire_out *w);
/* Appends what is known to a paragraph; each sentence begins with a blank. */
void notify_explain(const struct proc *p, struct str *out);

#endif
