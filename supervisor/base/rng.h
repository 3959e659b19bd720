/* Small random numbers for jitter and for tests: seeded, repeatable, not for secrets. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

/* The same seed gives the same numbers. */
void rng_seed(struct rng *r, uint64_t seed);
/* A seed from the kernel (getrandom), or from the clock where that is denied. */
uint64_t rng_entropy(void);
uint64_t rng_next(struct rng *r);
/* 0 <= result < n; n of 0 gives 0 */
uint64_t rng_below(struct rng *r, uint64_t n);

#endif
