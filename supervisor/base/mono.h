/* Time as types that cannot be mixed up: mono_t for deadlines, wall_t for people, dur_t between.
 * All are nanoseconds in a struct, so that the compiler refuses to compare one with another. */
#ifndef BASE_MONO_H
#define BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t ns; /* CLOCK_MONOTONIC; 0: never */
} mono_t;
typedef struct {
    int64_t ns; /* CLOCK_REALTIME, since 1970; 0: never */
} wall_t;
typedef struct {
    int64_t ns;
} dur_t;

#define DUR_MS(n) ((dur_t){(int64_t)(n)*1000000})
#define DUR_S(n) ((dur_t){(int64_t)(n)*1000000000})
#define MONO_NEVER ((mono_t){0})
#define DUR_MAX ((dur_t){INT64_MAX / 4})

mono_t mono_now(void);
wall_t wall_now(void);
/* a + d, saturating far in the future, and at 1 in the past: the result is always a deadline */
mono_t mono_add(mono_t a, dur_t d);
/* a - b */
dur_t mono_sub(mono_t a, mono_t b);
/* The next pause of a row that doubles: first after 0, and at most the most. */
dur_t dur_doubled(dur_t last, dur_t first, dur_t most);
/* a is set, and not after b */
bool mono_reached(mono_t a, mono_t b);
/* the earlier of two deadlines, where 0 means none */
mono_t mono_min(mono_t a, mono_t b);

#endif
