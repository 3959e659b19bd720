/* A world for simulations of the alert engine: a configuration as text, the engine on a fake loop,
 * disk and network, and receivers that note what arrives. */
#ifndef TESTS_ALERTWORLD_H
#define TESTS_ALERTWORLD_H

#include "alerts/engine.h"
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"

/* One incident at one receiver. */
struct incident {
    char *notifier, *key;
    bool open;
    bool maybe;   /* an attempt was cut off: nobody knows whether it arrived */
    mono_t tried; /* the last one */
    unsigned opened, closed;
    char *last_id;
};

struct world {
    struct loop *loop;
    struct loop_timer timer;
    struct agentgen *gen, *old;
    struct store *store;
    struct engine *e;
    struct send_env env;
    struct str seen;  /* "chat firing db\n" */
    struct str last;  /* the last notice's summary, and its labels as "name=value" */
    struct str asked; /* probes that were to be run at once: "db\n" */
    unsigned hundred_fail, hundred_lost; /* of a hundred attempts */
    dur_t slow;                          /* if not 0, so long each takes */
    const char *refuses;                 /* a notifier that takes nothing for good */
    VEC(struct incident) incidents;
    VEC(char *) ids; /* that arrived; a repetition is no new notice */
    uint64_t arrivals, repeated;
    char severity[16]; /* of the last that arrived, repetitions included */
    char told[128]; /* "chat resolved db program=web team=db": the last that arrived, with labels */
};

void world_open(struct world *w, const char *conf, uint64_t seed);
void world_close(struct world *w);
/* The agent ends: killed at this moment, or in order; and begins anew. */
void world_restart(struct world *w, bool kill);
/* Goes over to another configuration. */
void world_reload(struct world *w, const char *conf);
void world_run(struct world *w, int ms);

void world_probe(struct world *w, const char *name, bool ok);
void world_process(struct world *w, const char *program, const char *state);
/* Fails the test if what arrived since the last call is not that. */
void world_expect(struct world *w, const char *want);
/* "firing", ... of an alert by name; "" if it is not shown. */
const char *world_state(struct world *w, const char *name);

#endif
