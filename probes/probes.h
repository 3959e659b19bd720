/* All probes of a generation: each has its schedule, a timer, a driver that makes its attempts, and
 * what is known of it. Results and changes of state go to one callback. Knows nothing of the agent:
 * whoever runs it passes generations in and events out. */
#ifndef PROBES_PROBES_H
#define PROBES_PROBES_H

#include "probes/driver.h"
#include "probes/judge/schedule.h"
#include "supervisor/conf/agentgen.h"

struct probes;

/* A probe as others see it; texts and pointers are valid until the probes are told something. */
struct probe_view {
    const char *name, *type;
    const struct probe_opts *opts; /* program, target, parent, ... */
    enum sched_state state;
    wall_t since;        /* of the state */
    unsigned fails, oks; /* in a row; fails with state OK: a failure not yet confirmed */
    bool running;
    mono_t next;                /* the next attempt */
    wall_t last_at;             /* when the last attempt ended; 0: none has */
    const struct verdict *last; /* of it; status UNKNOWN and an empty detail before the first */
    uint64_t runs, failures, overruns, discarded;
    uint64_t failures_by[REASONS];
    int64_t busy_ns;              /* how long attempts took, in all */
    int64_t late_ns, late_max_ns; /* how late attempts were started: the last, the worst */
};

enum probe_event_kind {
    PROBE_RESULT,   /* an attempt was answered; verdict is set */
    PROBE_CHANGED,  /* the state changed: before -> view->state; follows its PROBE_RESULT */
    PROBE_ADDED,    /* is there now */
    PROBE_RESTORED, /* goes on in a state that was saved */
    PROBE_REMOVED,  /* is there for the last time */
};
struct probe_event {
    enum probe_event_kind kind;
    const struct probe_view *probe;
    const struct verdict *verdict; /* of the attempt; NULL: none */
    bool counted; /* RESULT: it moved rise or fall (it does not in the start period) */
    bool keep;    /* what probes_save gives is another now */
    enum sched_state before;
};
/* The probes may be asked and told to run from inside; not applied anew, not freed. */
typedef void probes_event_fn(void *obj, const struct probe_event *ev);

/* env must be filled in and outlive the probes. */
struct probes *probes_new(struct driver_env *env, probes_event_fn *fn, void *obj);
void probes_free(struct probes **p);

/* Goes over to the probes of g, which must live until the next probes_apply or probes_free; NULL:
 * none. A probe with the same options goes on where it is (an attempt under way is made anew);
 * one with changed options begins anew. */
void probes_apply(struct probes *p, const struct agentgen *g);
/* Checks what the load child could not (patterns): the number of errors; each is passed to fn as a
 * sentence with its file and line. */
typedef void probes_error_fn(void *obj, const struct item *item, const char *text);
size_t probes_check(const struct agentgen *g, probes_error_fn *fn, void *obj);

/* A process of that program has been started: its probes begin their start period anew. */
void probes_program_started(struct probes *p, const char *program);

/* Runs a probe now, or joins the attempt that runs; done is called once with its result, or with
 * NULL when the attempt was ended without one or the probe was removed. False: no such probe. */
typedef void probe_run_fn(void *obj, const struct probe_view *v, const struct verdict *verdict);
bool probes_run(struct probes *p, const char *name, probe_run_fn *done, void *obj);
/* Forgets the runs asked for with that obj. */
void probes_forget(struct probes *p, const void *obj);

size_t probes_count(const struct probes *p);
/* Number i of the generation's order; false: there is none. */
bool probes_view(const struct probes *p, size_t i, struct probe_view *out);
bool probes_find(const struct probes *p, const char *name, struct probe_view *out);

/* What outlives the agent, as bytes: a probe's state, what it said last, the certificate it saw.
 * Nothing is written if there is no such probe. */
void probes_save(const struct probes *p, const char *name, struct str *out);
/* Goes on where the bytes say; then PROBE_RESTORED. age: as of sched_restore. False, and nothing
 * has changed: they are damaged, of another version or of a probe with other options, or too old,
 * or there is no such probe, or it has had a result already. */
bool probes_restore(struct probes *p, const char *name, const void *bytes, size_t n, dur_t age);

#endif
