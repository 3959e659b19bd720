/* The simulated clock: what clock_gettime() tells in a simulation. Each look takes a microsecond,
 * as work does. */
#include "tests/fake/fake.h"

#include <time.h>

#define START INT64_C(1000000000000)

static int64_t now_ns = START;
static int64_t wall_offset;

mono_t fake_clock(void)
{
    return (mono_t){now_ns};
}

void fake_clock_to(mono_t t)
{
    if (t.ns > now_ns)
        now_ns = t.ns;
}

void fake_clock_reset(void)
{
    now_ns = START;
    wall_offset = 0;
}

void fake_set_wall(dur_t by)
{
    wall_offset += by.ns;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int64_t ns = now_ns++;
    now_ns += 999;
    if (id == CLOCK_REALTIME)
        ns += wall_offset + INT64_C(1700000000000000000);
    t->tv_sec = ns / 1000000000;
    t->tv_nsec = ns % 1000000000;
    return 0;
}
