/* One probe: its schedule, its timer, its attempt and what is known of it. Used by probes.c. */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include "probes/probes.h"

#include <uthash.h>

struct probe;

/* What a probe needs of the others. */
struct probe_ops {
    void (*result)(void *obj, struct probe *p, const struct verdict *v, bool counted);
    void (*changed)(void *obj, struct probe *p, enum sched_state before, const struct verdict *v);
    void (*first_failure)(void *obj, struct probe *p); /* in a row */
};

struct probe_waiter {
    probe_run_fn *done;
    void *obj;
};

struct probe {
    char *name;
    const struct item *item;
    const struct driver *driver;
    struct driver_env *env;
    const struct probe_ops *ops;
    void *obj;
    struct sched_conf conf;
    struct sched sched;
    struct loop_timer timer;
    struct attempt *attempt;
    void *held;
    VEC(struct probe_waiter) waiters;
    /* what is known */
    struct verdict last;
    wall_t last_at;
    uint64_t failures, failures_by[REASONS];
    int64_t busy_ns, late_max_ns;
    /* of probes.c */
    bool kept; /* by the generation that is being applied */
    UT_hash_handle hh;
};

/* saved: NULL, or the state to begin with. */
struct probe *probe_new(struct driver_env *env, const struct item *item,
                        const struct sched_saved *saved, const struct probe_ops *ops, void *obj);
void probe_free(struct probe **p);
/* Goes on with an item of the same options. */
void probe_rebind(struct probe *p, const struct item *item);
void probe_run(struct probe *p);
void probe_program_started(struct probe *p);
void probe_view(const struct probe *p, struct probe_view *out);
/* The clocks, as the schedule wants them. */
struct sched_now probe_now(const struct loop *l);

#endif
