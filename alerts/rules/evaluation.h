/* What a condition says when it was evaluated: the only thing that the life of an alert (life.h)
 * learns of its kind. */
#ifndef ALERTS_RULES_EVALUATION_H
#define ALERTS_RULES_EVALUATION_H

#include <stdint.h>

/* UNKNOWN: there is nothing to judge by (no data, skipped data). It is neither trouble nor its end.
 */
enum cond { COND_FALSE, COND_TRUE, COND_UNKNOWN };

struct evaluation {
    enum cond cond;
    double value, limit; /* what was measured, and what it was compared with, in the same unit */
    uint64_t n, k;       /* samples in the window, and how many of them count against it; 0: none */
    char text[256];      /* a part of a sentence for people, UTF-8; "" if there is nothing to add */
};

#endif
