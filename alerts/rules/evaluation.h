/* What a condition says when it was evaluated: the only thing that the life of an alert learns of
 * its kind. */
#ifndef ALERTS_RULES_EVALUATION_H
#define ALERTS_RULES_EVALUATION_H

#include <stdbool.h>
#include <stdint.h>

/* UNKNOWN: there is nothing to judge by (no data, skipped data). It is neither trouble nor its end.
 */
enum cond { COND_FALSE, COND_TRUE, COND_UNKNOWN };

/* How value and limit are written for people: a share of 1 as "4.2%", seconds as "1m30s". STATE:
 * they mean nothing. */
enum eval_unit { UNIT_STATE, UNIT_COUNT, UNIT_SHARE, UNIT_SECONDS, UNIT_BURN };

struct evaluation {
    enum cond cond;
    enum eval_unit unit;
    bool has_value;      /* there was something to measure */
    double value, limit; /* what was measured, and what it was compared with, in the same unit */
    uint64_t n, k;       /* samples in the window, and how many of them count against it; 0: none */
    int stage;           /* of a certificate: 0 none, 1 the first of stages=, ...; else 0 */
    bool dated;          /* the text says itself since when, or it does not matter */
    char text[600];      /* a part of a sentence for people, UTF-8; "" if there is nothing to add */
};

#endif
