/* Rolling windows: how many successes and errors there were in the last W, for any W up to three
 * days. Four rings of cells, each sample added once, to the finest; a cell that closes is added to
 * the next ring's:
 *
 *     5 min in cells of 10 s (or what cell= says) · 1 h of 1 min · 6 h of 5 min · 3 d of 1 h
 *
 * The sum over W is taken from the finest ring that reaches back so far: the current cells, the
 * full ones, and the oldest in proportion to its part inside W, so that the window does not breathe
 * with the cells. The error is at most the uneven arrival inside that one cell.
 *
 * Time is monotonic; a stretch without samples is a known zero. What is not known - the agent was
 * down, text was skipped - is marked as such (window_dark), and every sum says how much of W that
 * is, and how many samples were lost in it, where somebody has counted them (window_lost). Before
 * the window's birth there was nothing: a young window is short, not unknown. */
#ifndef ALERTS_RULES_WINDOW_H
#define ALERTS_RULES_WINDOW_H

#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/str.h"

#include <stddef.h>

#define WINDOW_CELL DUR_S(10)
#define WINDOW_MAX DUR_S(72 * 3600)

struct window;

struct window_sum {
    double ok, err; /* the oldest cell counts in part */
    dur_t seen;     /* W, or the time since the window's birth if that is shorter */
    dur_t unknown;  /* so much of seen is not known */
    double lost;    /* so many samples are known to have been in it, about; 0: nobody counted */
};

/* cell: the width of the finest cells, a divisor of a minute from 1 s on. The caller owns it. */
struct window *window_new(dur_t cell, mono_t now);
void window_free(struct window **w);
/* True if a window may have such cells. */
static inline bool window_cell_fits(dur_t cell)
{
    const int64_t s = 1000000000;
    return cell.ns >= s && cell.ns <= 60 * s && 60 * s % cell.ns == 0;
}

/* now never goes back; an older one counts as the newest so far. Counts saturate at 2^32-1 a cell.
 */
void window_add(struct window *w, mono_t now, uint32_t ok, uint32_t err);
/* From then to now nothing is known (what was counted still counts). */
void window_dark(struct window *w, mono_t from, mono_t now);
/* The same, and about so many samples came in that time that nobody looked at. */
void window_lost(struct window *w, mono_t from, mono_t now, double samples);
/* The sum over the last `length`, 0 < length <= WINDOW_MAX. */
struct window_sum window_sum(struct window *w, mono_t now, dur_t length);
/* The time since the last success, the last error; since the birth if there was none. */
dur_t window_since_ok(const struct window *w, mono_t now);
dur_t window_since_err(const struct window *w, mono_t now);
/* The time since the birth. */
dur_t window_age(const struct window *w, mono_t now);

/* Appends the window's state, with version and CRC. */
void window_save(struct window *w, mono_t now, wall_t wall, struct str *out);
/* A window from saved bytes: the time between the saving and `wall` is unknown. NULL and the reason
 * if they are damaged, of another version, or of another cell width. A wall clock that went back
 * counts as no time. */
struct window *window_restore(const void *p, size_t n, dur_t cell, mono_t now, wall_t wall,
                              struct err *e);
/* The same, but that time is known: what happened in it is still to be added, to its end. */
struct window *window_restore_known(const void *p, size_t n, dur_t cell, mono_t now, wall_t wall,
                                    struct err *e);

#endif
