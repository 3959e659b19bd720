/* The promise of the default rule, as a simulation with fixed seeds (bench/simulation.h). The plain
 * quotient, which most people write, goes the same way for comparison. */
#include "bench/simulation.h"

#include "unit.h"

enum { WEEKS = 24, INCIDENTS = 1000 };

struct promise {
    double pages0, pages, detect0, detect;
};

static void test_promise(void **state)
{
    (void)state;
    static const struct promise promised[SIM_TRAFFICS] = {
        {17, 4, 230, 390}, {0.5, 0, 120, 245}, {0, 0, 80, 200}};
    for (size_t i = 0; i < SIM_TRAFFICS; i++) {
        const struct sim_traffic *t = &sim_traffics[i];
        const struct promise *p = &promised[i];
        /* the comparison may be coarser */
        struct sim_figures plain = simulate(t, SIM_PLAIN, WEEKS / 6, INCIDENTS / 5);
        struct sim_figures f = simulate(t, SIM_WILSON, WEEKS, INCIDENTS);
        if (f.pages0 > p->pages0 || f.pages > p->pages || f.detect0 > p->detect0 ||
            f.detect > p->detect || f.blind > 0)
            fail_msg("at %.0f a minute: %.2f and %.2f pages, promised <= %.1f and %.1f; %.0f and "
                     "%.0f s, promised <= %.0f and %.0f; %.0f blind",
                     t->per_minute, f.pages0, f.pages, p->pages0, p->pages, f.detect0, f.detect,
                     p->detect0, p->detect, f.blind);
        /* and the rule is worth having: what it replaces is worse where traffic is low */
        assert_true(t->per_minute > 10 || plain.pages0 > 5 * f.pages0);
    }
}

RUN(TEST(test_promise))
