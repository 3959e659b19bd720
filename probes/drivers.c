/* The list of drivers, as probes/judge/kinds.def has it. */
#include "probes/drivers.h"

#include <stddef.h>

#define KIND(name) extern const struct driver driver_##name;
#include "probes/judge/kinds.def"
#undef KIND

static const struct driver *const drivers[] = {
#define KIND(name) &driver_##name,
#include "probes/judge/kinds.def"
#undef KIND
    NULL,
};

const struct driver *driver_of(const struct kind *kind)
{
    size_t i = 0;
    while (drivers[i] && drivers[i]->kind != kind)
        i++;
    return drivers[i];
}
