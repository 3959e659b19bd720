/* Prints the table of simulated rules in docs/benchmarks.md. Usage: bench-simulation [WEEKS
 * INCIDENTS] */
#include "bench/simulation.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int weeks = argc == 3 ? atoi(argv[1]) : 24, incidents = argc == 3 ? atoi(argv[2]) : 1000;
    if (weeks < 1 || incidents < 1)
        return 2;
    printf("| requests a minute | rule | false pages a week, for=0 | for=2m, keep_firing=10m | "
           "seconds to see 30 %%, for=0 | for=2m | not seen in an hour, %% |\n"
           "|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < SIM_TRAFFICS; i++) {
        for (int r = 0; r < SIM_RULES; r++) {
            /* where there is a promise, it is measured best */
            int part = r == SIM_WILSON || weeks < 6 || incidents < 5 ? 1 : 5;
            struct sim_figures f =
                simulate(&sim_traffics[i], (enum sim_rule)r, weeks / part, incidents / part);
            printf("| %.0f | %s | %.2f | %.2f | %.0f | %.0f | %.1f |\n", sim_traffics[i].per_minute,
                   sim_name((enum sim_rule)r), f.pages0, f.pages, f.detect0, f.detect,
                   100 * f.blind * part / incidents);
        }
    }
    return 0;
}
