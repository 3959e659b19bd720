/* Readiness: what tells that a process of a program with ready= is ready. There is one source for
 * each kind but startsecs; it calls readiness_up and its like, and is told when a process comes and
 * goes. Until its source says so, a process is STARTING; then it is RUNNING. */
#ifndef RUN_READINESS_H
#define RUN_READINESS_H

#include "supervisor/conf/gen.h"
#include "supervisor/core/ready.h"
#include "supervisor/run/procs.h"

#include <stdbool.h>

struct ready_source;
struct spawn_request;

/* A process that has a source. Made with it, and freed with it or with its ready=. */
struct readiness {
    struct proc *proc;
    const struct gen_order *conf; /* of the process's generation: kind, argument, number */
    const struct ready_source *source;
    void *own;  /* the source's: set in start, freed in stop */
    char *text; /* what it said last (readiness_say), or NULL */
    bool begun; /* prepare or start was called, and stop was not yet */
    bool lost;  /* it was ready and is not now (readiness_down) */
};

/* One kind: a file run/ready_KIND.c, and a row in readiness.c. Any member may be NULL. */
struct ready_source {
    enum ready_kind kind;
    /* Before the spawn of an instance: puts what it needs into the request (its environment, a
     * descriptor). What it points to stays until start or stop. Errno, or 0. */
    int (*prepare)(struct readiness *r, struct spawn_request *rq);
    /* An instance runs, with this pid. resumed: it did so before, and supd goes on after an upgrade
     * or a fault; or r->conf is another one now, and there was no stop in between. Then proc_life
     * says whether it was ready (RUNNING) or is yet to be (STARTING). */
    void (*start)(struct readiness *r, int pid, bool resumed);
    /* The instance is dead, or was never started. */
    void (*stop)(struct readiness *r);
};

/* ---- for sources; the change of the state comes at once, so that r may be stopped in the call
 * ----
 */

/* It is ready (again). What is not STARTING or RUNNING is not changed. */
void readiness_up(struct readiness *r);
/* It is RUNNING and not ready any more, for a while: what depends on it does not start. */
void readiness_down(struct readiness *r);
/* What it says of itself, shown beside its state; NULL or "": nothing. Copied, up to 256 bytes. */
void readiness_say(struct readiness *r, const char *text);
/* It will not be: this instance has failed. It is stopped, and counts as a failed start. */
void readiness_failed(struct readiness *r, const char *why);

/* ---- for supd ---- */

/* Its readiness; NULL: it has no source. */
struct readiness *readiness_of(const struct proc *p);
/* The row of that kind, or NULL. */
const struct ready_source *ready_source_of(enum ready_kind kind);
/* It follows a record; what was begun goes on when its ready= is the same kind. */
void readiness_follow(struct proc *p, struct readiness *r, const struct gen_order *o);
void readiness_forget(struct readiness *r);
/* The steps of an instance; nothing happens where there is no source. */
int readiness_prepare(struct proc *p, struct spawn_request *rq);
void readiness_start(struct proc *p, int pid, bool resumed);
void readiness_stop(struct proc *p);

#endif
