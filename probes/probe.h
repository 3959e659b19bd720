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

/* What is worth being written down anew when it changes (saved.c). */
struct saved_sig {
    int64_t since;
    uint32_t fails, oks, cert_errors;
    uint8_t state, status, reason, stage;
    uint8_t fingerprint[32];
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
    struct saved_sig sig;
    /* of probes.c */
    bool kept; /* by the generation that is being applied */
    UT_hash_handle hh;
};

struct probe *probe_new(struct driver_env *env, const struct item *item,
                        const struct probe_ops *ops, void *obj);
void probe_free(struct probe **p);
/* Goes on with an item of the same options. */
void probe_rebind(struct probe *p, const struct item *item);
void probe_run(struct probe *p);
/* Its next attempt comes that much later. */
void probe_delay(struct probe *p, dur_t d);
void probe_program_started(struct probe *p);
void probe_view(const struct probe *p, struct probe_view *out);

/* ---- saved.c ---- */
/* True if what saved_write writes differs from what it wrote, or read, when this was last true. */
bool saved_news(struct probe *p);
void saved_write(const struct probe *p, struct str *out);
/* False: damaged, of another version or other options, too old, or there is a result already. */
bool saved_read(struct probe *p, const char *bytes, size_t n, dur_t age);
/* The clocks, as the schedule wants them. */
struct sched_now probe_now(const struct loop *l);

#endif
