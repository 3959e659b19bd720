/* Rolling windows of durations, for percentiles: rings of histograms, as window.h has rings of
 * counts. Closed cells are packed, so an idle timer costs almost nothing.
 *
 *     5 min in cells of 10 s (or what cell= says) · 1 h of 1 min · 6 h of 5 min
 *
 * What is not known about a stretch of time is noted in the metric's window, not here. */
#ifndef ALERTS_RULES_TIMERS_H
#define ALERTS_RULES_TIMERS_H

#include "alerts/rules/hist.h"
#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/str.h"

#define TIMERS_MAX DUR_S(6 * 3600)

struct timers;

/* cell as in window_new. The caller owns it. */
struct timers *timers_new(dur_t cell, mono_t now);
void timers_free(struct timers **t);
/* count samples of ns nanoseconds. */
void timers_add(struct timers *t, mono_t now, int64_t ns, uint32_t count);
/* All samples of the last `length`, at most TIMERS_MAX, into *out; the oldest cell in part. */
void timers_sum(struct timers *t, mono_t now, dur_t length, struct hist *out);

/* As window_save and window_restore. */
void timers_save(struct timers *t, mono_t now, wall_t wall, struct str *out);
struct timers *timers_restore(const void *p, size_t n, dur_t cell, mono_t now, wall_t wall,
                              struct err *e);

#endif
