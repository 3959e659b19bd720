/* A limit on how often: `burst` at once, then one every `interval`. It is one stamp: the time at
 * which the bucket would be full again (the cell-rate form of a token bucket), so that it can be
 * written down with what it limits. */
#ifndef ALERTS_RULES_BUCKET_H
#define ALERTS_RULES_BUCKET_H

#include "alerts/rules/wall.h"

struct bucket {
    wall_t full; /* 0: full */
};

struct bucket_spec {
    dur_t interval; /* 0: no limit */
    int64_t burst;  /* at least 1 */
};

/* When one may be taken: now, or later. */
wall_t bucket_ready(const struct bucket *b, const struct bucket_spec *spec, wall_t now);
/* Takes one; false if none is there. */
bool bucket_take(struct bucket *b, const struct bucket_spec *spec, wall_t now);
/* Takes one even if none is there: what may not wait still counts. */
void bucket_force(struct bucket *b, const struct bucket_spec *spec, wall_t now);

#endif
