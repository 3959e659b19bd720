/* Clocks and the arithmetic of deadlines. */
#include "supervisor/base/mono.h"

#include <time.h>

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

mono_t mono_now(void)
{
    return (mono_t){clock_ns(CLOCK_MONOTONIC)};
}

wall_t wall_now(void)
{
    return (wall_t){clock_ns(CLOCK_REALTIME)};
}

mono_t mono_add(mono_t a, dur_t d)
{
    int64_t sum;
    if (__builtin_add_overflow(a.ns, d.ns, &sum))
        sum = d.ns > 0 ? INT64_MAX : 1;
    return (mono_t){sum > 0 ? sum : 1};
}

dur_t mono_sub(mono_t a, mono_t b)
{
    return (dur_t){a.ns - b.ns};
}

bool mono_reached(mono_t a, mono_t b)
{
    return a.ns && a.ns <= b.ns;
}

mono_t mono_min(mono_t a, mono_t b)
{
    if (!a.ns || !b.ns)
        return a.ns ? a : b;
    return a.ns < b.ns ? a : b;
}

dur_t dur_doubled(dur_t last, dur_t first, dur_t most)
{
    dur_t d = last.ns ? (dur_t){last.ns * 2} : first;
    return d.ns > most.ns ? most : d;
}
