/* The drivers of all kinds of probes. */
#ifndef PROBES_DRIVERS_H
#define PROBES_DRIVERS_H

#include "probes/driver.h"

/* The driver of a kind of family_probe; never NULL. */
const struct driver *driver_of(const struct kind *kind);

#endif
