/* Flapping, by time: every change of an alert (fired, resolved) adds 1 to a score that decays with
 * a time constant of half an hour. Four changes in a short time start it; it stops when the score
 * has decayed to 1.5. Counting by time and not by samples makes it the same at any interval. */
#ifndef ALERTS_RULES_FLAP_H
#define ALERTS_RULES_FLAP_H

#include "alerts/rules/wall.h"

#define FLAP_START 4.0
#define FLAP_STOP 1.5
#define FLAP_TAU DUR_S(1800)

/* Pointer-free; all zero: nothing ever changed. */
struct flap {
    double score;    /* at the last change */
    wall_t at;       /* of the last change */
    wall_t from;     /* the first change of this series */
    wall_t down_at;  /* since when it is down; 0: it is not */
    dur_t down;      /* how long it was down in this series, without the present time */
    uint64_t on;     /* flapping */
    uint64_t number; /* of changes in this series */
};

/* It fired (down) or was resolved. True if it flaps since this change. */
bool flap_change(struct flap *f, bool down, wall_t now);
/* When it stops if nothing changes any more; WALL_NEVER if it does not flap. */
wall_t flap_ends(const struct flap *f);
/* True once, when it has stopped. */
bool flap_stop(struct flap *f, wall_t now);
/* The share of the time that it was down since the series began, 0 to 1. */
double flap_duty(const struct flap *f, wall_t now);

#endif
