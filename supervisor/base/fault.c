/* Faults for real, for tests of what comes after. */
#include "supervisor/base/fault.h"

#ifdef SUPD_FAULTS
#include "supervisor/base/mono.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long every, passed;
static pid_t owner;

void fault_begin(void)
{
    const char *text = getenv("SUPD_FAULT_EVERY");
    char *end = NULL;
    every = text ? strtol(text, &end, 10) : 0;
    if (end && *end == '-') /* 1-9: each image draws its own */
        every += (long)(mono_now().ns / 1000 % (strtol(end + 1, NULL, 10) - every + 1));
    owner = getpid();
}

/* An address that the compiler knows nothing of. */
static int *volatile nowhere;

static void fault(void)
{
    switch (mono_now().ns / 1000 % 3) {
    case 0:
        abort();
    case 1:
        __builtin_trap();
    default:
        *nowhere = 1;
    }
}

void fault_point(const char *file, int line)
{
    if (every <= 0 || owner != getpid() || ++passed < every)
        return;
    dprintf(2, "fault at %s:%d\n", file, line);
    fault();
}
#else
typedef int fault_is_not_built; /* a file has to declare something */
#endif
