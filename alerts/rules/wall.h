/* Deadlines on the engine's clock. The machines of alerts take a wall_t that runs evenly: the wall
 * clock as it was when the agent started, plus the monotonic time since. So a clock that is set
 * disturbs no timer, and stamps mean the same after a restart, which timers go on across. */
#ifndef ALERTS_RULES_WALL_H
#define ALERTS_RULES_WALL_H

#include "supervisor/base/mono.h"

#define WALL_NEVER ((wall_t){0})

/* a + d, saturating: the result is always a deadline */
static inline wall_t wall_add(wall_t a, dur_t d)
{
    return (wall_t){mono_add((mono_t){a.ns}, d).ns};
}

/* a - b */
static inline dur_t wall_sub(wall_t a, wall_t b)
{
    return (dur_t){a.ns - b.ns};
}

/* a is set, and not after b */
static inline bool wall_reached(wall_t a, wall_t b)
{
    return a.ns && a.ns <= b.ns;
}

/* the earlier of two deadlines, where 0 means none */
static inline wall_t wall_min(wall_t a, wall_t b)
{
    return (wall_t){mono_min((mono_t){a.ns}, (mono_t){b.ns}).ns};
}

#endif
