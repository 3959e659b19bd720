/* Many alerts at once become one digest. (What may have a cause waits a moment for it: suppress.h;
 * what has none is told at once.) */
#ifndef ALERTS_RULES_GROUP_H
#define ALERTS_RULES_GROUP_H

#include "alerts/rules/wall.h"
#include "supervisor/base/str.h"

#define STORM_ALERTS 20        /* more new ones than these ... */
#define STORM_WINDOW DUR_S(60) /* ... in this time are a storm */

/* The storm breaker; pointer-free, all zero: calm. While it is on, the alerts of the storm are told
 * through the digest only: it is an alert of its own, true while the storm is on, whose trigger,
 * reminders and resolve hold the digest, and it inhibits the others. */
struct storm {
    wall_t at[STORM_ALERTS + 1]; /* when the last ones fired, as a ring */
    uint64_t n;                  /* how many ever */
    uint64_t on;
    wall_t since, last; /* of this storm */
    uint64_t alerts;    /* new ones in it */
};

/* An alert fired that nothing inhibits. True if a storm begins with it. */
bool storm_fired(struct storm *s, wall_t now);
/* Time passed; `firing` alerts of the storm still fire. True if it is over: no new one for
 * STORM_WINDOW, and so few fire that they may be told one by one. */
bool storm_calms(struct storm *s, uint64_t firing, wall_t now);
/* When to ask storm_calms; WALL_NEVER when there is no storm, or only the end of alerts can end it.
 */
wall_t storm_deadline(const struct storm *s, wall_t now);

/* One alert of a digest. */
struct digest_item {
    const char *name;
    const char *root; /* what explains it; NULL: itself */
};
#define DIGEST_ROOTS 5
/* Appends "34 alerts, roots: db (22), api (11), mail": the roots with the most alerts first, at
 * most DIGEST_ROOTS of them, then "and 3 more". The items are sorted in place. */
void digest_text(struct digest_item *items, size_t n, struct str *out);

#endif
