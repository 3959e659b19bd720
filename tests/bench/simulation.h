/* Rules on simulated traffic, with fixed seeds: a service with 1 % errors (or slow requests) whose
 * rule is evaluated every 15 s. How often a week does it page falsely, and how long does it take to
 * see an incident of 30 %? The same code makes the table of docs/benchmarks.md and the test that
 * holds what is promised. */
#ifndef BENCH_SIMULATION_H
#define BENCH_SIMULATION_H

enum sim_rule {
    SIM_PLAIN,      /* ratio, method=plain over=5% window=5m: what most people write */
    SIM_WILSON,     /* ratio over=5% window=5m */
    SIM_BURN,       /* burn objective=99% */
    SIM_COUNT,      /* count of errors, over=10 window=5m */
    SIM_PERCENTILE, /* p95 over=500ms window=5m */
    SIM_RULES
};
/* "ratio, method=plain" */
const char *sim_name(enum sim_rule r);

struct sim_traffic {
    double per_minute; /* requests, on average */
    double none;       /* exp(-requests a second): the chance of a second without any */
};
/* 2, 10 and 60 a minute */
enum { SIM_TRAFFICS = 3 };
extern const struct sim_traffic sim_traffics[SIM_TRAFFICS];

struct sim_figures {
    double pages0, pages;   /* false ones a week: with for=0, with for=2m and keep_firing=10m */
    double detect0, detect; /* mean seconds from an incident's beginning to the page */
    double blind;           /* incidents that an hour did not show */
};
/* Simulates `weeks` of health, then as many incidents. */
struct sim_figures simulate(const struct sim_traffic *t, enum sim_rule r, int weeks, int incidents);

#endif
