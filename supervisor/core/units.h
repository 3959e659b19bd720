/* Which units of a memory are in use. Pure: the memory itself is elsewhere, and says after a crash
 * what has to be claimed again. */
#ifndef CORE_UNITS_H
#define CORE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct units {
    uint64_t *map; /* a bit for each */
    uint32_t n;    /* a multiple of 64 */
    uint32_t next; /* where the next search begins */
    uint32_t used;
};

/* n units, all free; n is a multiple of 64. False: no memory. */
bool units_init(struct units *u, uint32_t n);
void units_fini(struct units *u);
/* Takes count units in a row, count above 0; the first of them, or -1: there is no such place. */
int64_t units_take(struct units *u, uint32_t count);
/* Takes just these; false, and nothing has changed: they are not all there and free. */
bool units_claim(struct units *u, uint32_t at, uint32_t count);
void units_give(struct units *u, uint32_t at, uint32_t count);
/* So many from at on, below end, are alike: used or free, as *out_used says. */
uint32_t units_alike(const struct units *u, uint32_t at, uint32_t end, bool *out_used);

#endif
