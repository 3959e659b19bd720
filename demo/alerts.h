/* What the demo knows of alerts: their states, of `supctl alerts`, and what the notifier was told,
 * from the file that it appends each notice to. */
#ifndef DEMO_ALERTS_H
#define DEMO_ALERTS_H

#include "supervisor/base/str.h"

#include <jansson.h>
#include <stdbool.h>

#define ALERTS 8

struct alert {
    char name[32], state[16];
    /* of its last notice */
    char severity[16], summary[160], runbook[96];
    bool fired, resolved; /* was told so, with a runbook, ever */
    bool warned;          /* the same with severity warning */
};

struct alerts {
    const char *path; /* of the notices */
    int fd;           /* -1: there is none yet */
    struct str bytes; /* of an unfinished line */
    struct alert v[ALERTS];
    unsigned n;
};

/* A notice came: how an alert is now, and the notice as it was sent. */
typedef void alerts_told_fn(void *obj, const struct alert *a, const json_t *notice);

void alerts_init(struct alerts *a, const char *path);
void alerts_fini(struct alerts *a);
/* Asks supctl for the states. */
void alerts_states(struct alerts *a, const char *supctl);
/* Reads the notices that came since the last call. */
void alerts_notices(struct alerts *a, alerts_told_fn *told, void *obj);
/* NULL if it was not heard of yet. */
const struct alert *alerts_find(const struct alerts *a, const char *name);

#endif
