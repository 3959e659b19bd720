/* What the agent knows of processes: supd's snapshot, kept current by its events. */
#ifndef AGENT_PROCS_H
#define AGENT_PROCS_H

#include "supervisor/base/mono.h"
#include "supervisor/conf/agentgen.h"
#include "supervisor/core/wire.h"

/* One process; counters are supd's own, since it started. */
struct agent_process {
    const char *name;    /* full: "group:process", or one word when both are equal */
    const char *program; /* of the configuration; "" while it is not known there */
    char state[12];      /* "RUNNING" */
    int pid;
    int64_t start; /* when the last instance began, seconds since 1970; 0: never */
    uint64_t starts, restarts, exits, fatals;
    uint64_t unexpected, restarts_unexpected; /* of exits, of restarts */
    bool fresh;                               /* it was not there when this agent began */
    bool last_expected;                       /* the last exit was */
};

struct procs;

/* What changed; the process is as it is after the change. */
enum procs_what { PROCS_NEW, PROCS_STATE, PROCS_SPAWNED, PROCS_EXIT, PROCS_GONE };
struct procs_change {
    enum procs_what what;
    const struct agent_process *p;
    bool expected; /* PROCS_EXIT */
};
typedef void procs_fn(void *obj, const struct procs_change *c);

/* fn is called for each event, in order; not for the snapshot. */
struct procs *procs_new(procs_fn *fn, void *obj);
void procs_free(struct procs **t);
/* A record of the snapshot, an event; their keys are those of docs/control-protocol.md. */
void procs_record(struct procs *t, const struct wire_pair *pairs, size_t n);
void procs_event(struct procs *t, const struct wire_pair *pairs, size_t n);
/* The configuration in use: what program a process belongs to; and processes that it does not have
 * any more are forgotten once they are down. May be NULL; strings of g are used until the next
 * call. */
void procs_follow(struct procs *t, const struct agentgen *g);
/* The one after p, in the order in which they appeared; the first after NULL; NULL at the end. */
const struct agent_process *agent_procs_next(const struct procs *t, const struct agent_process *p);
/* One by its full name, or NULL. */
const struct agent_process *procs_find(const struct procs *t, const char *name);

#endif
