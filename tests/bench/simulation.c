/* Rules on simulated traffic. */
#include "bench/simulation.h"

#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"
#include "supervisor/base/rng.h"

#define SEC INT64_C(1000000000)
#define HEALTHY 0.01
#define BROKEN 0.3
#define FAST (100 * SEC / 1000)
#define SLOW (2 * SEC)
enum { STEP = 15, WEEK = 7 * 86400, HOLD = 600, FOR = 120 };

const struct sim_traffic sim_traffics[SIM_TRAFFICS] = {
    {2, 0.967216100482}, {10, 0.846481724890}, {60, 0.367879441171}};

/* ---- rules ---- */

static const struct alert_ratio plain = {
    .over = 50000, .window = 300 * SEC, .method = ALERT_PLAIN, .min_count = 1};
static const struct alert_ratio wilson = {
    .over = 50000, .window = 300 * SEC, .method = ALERT_WILSON, .min_count = 4};
static const struct alert_burn burn = {
    .objective = 990000, .period = 30 * 86400 * SEC, .windows = ALERT_PAGE, .min_count = 5};
static const struct alert_count count = {.of = ALERT_OF_ERRORS, .over = 10, .window = 300 * SEC};
static const struct alert_percentile percentile = {
    .percentile = 950000, .over = SEC / 2, .window = 300 * SEC, .min_count = 200};

static const struct {
    const char *name;
    const struct rule *rule;
    const void *options;
} rules[SIM_RULES] = {
    [SIM_PLAIN] = {"ratio, method=plain", &rule_ratio, &plain},
    [SIM_WILSON] = {"ratio", &rule_ratio, &wilson},
    [SIM_BURN] = {"burn, objective=99%", &rule_burn, &burn},
    [SIM_COUNT] = {"count, over=10 in 5m", &rule_count, &count},
    [SIM_PERCENTILE] = {"percentile, p95 over=500ms", &rule_percentile, &percentile},
};

const char *sim_name(enum sim_rule r)
{
    return rules[r].name;
}

/* ---- one service with its rule ---- */

/* Pages are counted with for=0, and with for=2m and keep_firing=10m. */
struct world {
    struct rng rng;
    struct window *w;
    struct timers *timers; /* of a percentile, else NULL */
    const struct rule *rule;
    struct item item;
    double none;
    int64_t incident; /* when the errors begin */
    int64_t t;
    bool firing; /* with for=0 */
    /* for=2m, keep_firing=10m */
    int64_t pending, last_true; /* since when, 0: not */
    bool paged;
    unsigned pages0, pages;
};

static double uniform(struct rng *r)
{
    return ((double)(rng_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

/* One second with a Poisson number of requests, by Knuth's product of uniform numbers. */
static void second(struct world *s)
{
    uint32_t ok = 0, bad = 0;
    double errors = s->t++ < s->incident ? HEALTHY : BROKEN;
    mono_t now = {s->t * SEC};
    for (double p = uniform(&s->rng); p > s->none; p *= uniform(&s->rng)) {
        if (uniform(&s->rng) < errors)
            bad++;
        else
            ok++;
    }
    if (ok + bad)
        window_add(s->w, now, ok, bad);
    if (s->timers && ok)
        timers_add(s->timers, now, FAST, ok);
    if (s->timers && bad)
        timers_add(s->timers, now, SLOW, bad);
}

/* The life of a page, as far as it counts here. True if it pages now. */
static bool live(struct world *s, enum cond c)
{
    if (c == COND_UNKNOWN)
        return false;
    if (s->paged) {
        if (c == COND_TRUE)
            s->last_true = s->t;
        else if (s->t - s->last_true >= HOLD)
            s->paged = false;
        return false;
    }
    if (c == COND_FALSE) {
        s->pending = 0;
        return false;
    }
    if (!s->pending)
        s->pending = s->t;
    if (s->t - s->pending < FOR)
        return false;
    s->paged = true;
    s->pending = 0;
    s->last_true = s->t;
    return true;
}

static enum cond judge(struct world *s, bool firing)
{
    struct rule_input in = {.now = {s->t * SEC},
                            .window = s->w,
                            .timers = s->timers,
                            .firing = firing,
                            .no_text = true};
    struct evaluation ev;
    s->rule->evaluate(&s->item, &in, &ev);
    return ev.cond;
}

/* 15 s; bit 0: it would page with for=0, bit 1: with for=2m */
static int step(struct world *s)
{
    for (int i = 0; i < STEP; i++)
        second(s);
    enum cond c = judge(s, false), held = s->firing || s->paged ? judge(s, true) : c;
    enum cond now = s->firing ? held : c;
    bool edge = now == COND_TRUE && !s->firing, page = live(s, s->paged ? held : c);
    if (now != COND_UNKNOWN)
        s->firing = now == COND_TRUE;
    s->pages0 += edge;
    s->pages += page;
    return edge | page << 1;
}

static void world_begin(struct world *s, const struct sim_traffic *t, enum sim_rule r,
                        uint64_t seed)
{
    *s = (struct world){.none = t->none, .incident = INT64_MAX, .t = 1, .rule = rules[r].rule};
    rng_seed(&s->rng, seed * 1000 + (uint64_t)t->per_minute);
    s->w = window_new(WINDOW_CELL, (mono_t){SEC});
    s->timers = r == SIM_PERCENTILE ? timers_new(WINDOW_CELL, (mono_t){SEC}) : NULL;
    s->item = (struct item){.name = "sim", .own = (void *)(uintptr_t)rules[r].options};
}

static void world_end(struct world *s)
{
    window_free(&s->w);
    timers_free(&s->timers);
}

/* ---- what is asked ---- */

static void healthy(struct sim_figures *f, const struct sim_traffic *t, enum sim_rule r, int weeks)
{
    struct world s;
    world_begin(&s, t, r, 1);
    while (s.t < (int64_t)weeks * WEEK)
        step(&s);
    f->pages0 = (double)s.pages0 / weeks;
    f->pages = (double)s.pages / weeks;
    world_end(&s);
}

/* An incident begins in another second between two evaluations, and at another place in the cells
 * of the window. */
static void incident(struct sim_figures *f, const struct sim_traffic *t, enum sim_rule r, int i)
{
    struct world s;
    int64_t seen0 = 0, seen = 0;
    world_begin(&s, t, r, 70 + (uint64_t)i);
    s.t += (int64_t)rng_below(&s.rng, 10);
    do
        step(&s);
    while (s.t < 3600 || s.firing || s.paged || s.pending);
    s.incident = s.t + (int64_t)rng_below(&s.rng, STEP);
    while ((!seen0 || !seen) && s.t < s.incident + 3600) {
        int what = step(&s);
        seen0 = !seen0 && what & 1 ? s.t : seen0;
        seen = !seen && what & 2 ? s.t : seen;
    }
    f->blind += !seen;
    f->detect0 += (double)((seen0 ? seen0 : s.t) - s.incident);
    f->detect += (double)((seen ? seen : s.t) - s.incident);
    world_end(&s);
}

struct sim_figures simulate(const struct sim_traffic *t, enum sim_rule r, int weeks, int incidents)
{
    struct sim_figures f = {0};
    healthy(&f, t, r, weeks);
    for (int i = 0; i < incidents; i++)
        incident(&f, t, r, i);
    f.detect0 /= incidents;
    f.detect /= incidents;
    return f;
}
