/* A mergeable histogram of durations: log-linear, 64 steps an octave, so that a quantile's relative
 * error is below 1 % from 1 us to 1 h (half a step of 1/64 is 0.78 %), by shifts alone: no
 * logarithm, the same on every machine. Shorter values count as 1 us, longer ones as 1.2 h. A
 * histogram at rest is packed: a few bytes for each step that holds anything. */
#ifndef ALERTS_RULES_HIST_H
#define ALERTS_RULES_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIST_STEPS 64
#define HIST_BUCKETS (32 * HIST_STEPS + 1)
#define HIST_MIN_NS INT64_C(1024)
#define HIST_MAX_NS ((INT64_C(1) << 42) - 1)

struct hist {
    uint64_t n;
    uint32_t c[HIST_BUCKETS]; /* saturate */
};

/* The most bytes that a packed one may take: two for the place, five for the number. */
#define HIST_PACKED_MAX (HIST_BUCKETS * 7)

void hist_clear(struct hist *h);
/* count samples of ns nanoseconds; a negative one counts as the shortest. */
void hist_add(struct hist *h, int64_t ns, uint32_t count);
void hist_merge(struct hist *to, const struct hist *from);
/* Adds a share of from, 0 <= share <= 1; the number of all added is exact to one half. */
void hist_merge_share(struct hist *to, const struct hist *from, double share);
/* The value that at least q_ppm parts of a million of the samples do not exceed, in ns; 0 if there
 * are no samples. */
int64_t hist_quantile(const struct hist *h, int32_t q_ppm);
/* How many samples were longer than ns; those within its own step are counted as not longer. */
uint64_t hist_above(const struct hist *h, int64_t ns);

/* Writes h as at most HIST_PACKED_MAX bytes; returns how many. 0: it is empty. */
size_t hist_pack(const struct hist *h, uint8_t *out);
/* Adds a packed one to `to`. False if the bytes are no packed histogram; `to` is then undefined. */
bool hist_unpack(struct hist *to, const uint8_t *p, size_t n);

#endif
