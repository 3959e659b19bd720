/* Everything that the agent knows, as metrics: one function a subject, one family after another. */
#include "supervisor/rpc/metrics.h"

#include <string.h>

static void begin_process(struct expo *x, const struct agent_process *p)
{
    expo_begin(x, "");
    expo_label(x, "name", p->name);
    expo_label(x, "program", p->program);
}

static bool is_up(const struct agent_process *p)
{
    return strcmp(p->state, "RUNNING") == 0;
}

static void put_states(struct expo *x, const struct agent_program *a)
{
    expo_family(x, "supd_process_up", EXPO_GAUGE, "1 if the process is RUNNING.");
    for (const struct agent_process *p = NULL; (p = agent_procs_next(a->procs, p));) {
        begin_process(x, p);
        expo_int(x, is_up(p));
    }
    expo_family(x, "supd_process_state", EXPO_GAUGE, "1 for the state that the process is in.");
    for (const struct agent_process *p = NULL; (p = agent_procs_next(a->procs, p));) {
        begin_process(x, p);
        expo_label(x, "state", p->state);
        expo_int(x, 1);
    }
    expo_family(x, "supd_process_start_time_seconds", EXPO_GAUGE,
                "When the last instance began, in seconds since 1970; 0 if it never did.");
    for (const struct agent_process *p = NULL; (p = agent_procs_next(a->procs, p));) {
        begin_process(x, p);
        expo_int(x, p->start);
    }
}

static const struct {
    const char *name, *help;
    size_t offset;
} counters[] = {
    {"supd_process_starts_total", "Starts of the process.", offsetof(struct agent_process, starts)},
    {"supd_process_restarts_total", "Automatic restarts of the process.",
     offsetof(struct agent_process, restarts)},
    {"supd_process_exits_total", "Exits of the process.", offsetof(struct agent_process, exits)},
    {"supd_process_exits_unexpected_total", "Exits of the process that were not expected.",
     offsetof(struct agent_process, unexpected)},
    {"supd_process_fatals_total", "How often the process was given up on.",
     offsetof(struct agent_process, fatals)},
};

static void put_counters(struct expo *x, const struct agent_program *a)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        expo_family(x, counters[i].name, EXPO_COUNTER, counters[i].help);
        for (const struct agent_process *p = NULL; (p = agent_procs_next(a->procs, p));) {
            uint64_t n;
            memcpy(&n, (const char *)p + counters[i].offset, sizeof(n));
            begin_process(x, p);
            expo_int(x, (int64_t)n);
        }
    }
}

static void put_agent(struct expo *x, const struct agent_program *a)
{
    expo_family(x, "supd_build_info", EXPO_GAUGE, "1; the version is in the label.");
    expo_begin(x, "");
    expo_label(x, "version", SUPD_VERSION);
    expo_int(x, 1);
    expo_family(x, "supd_agent_uptime_seconds", EXPO_GAUGE, "How long supd-agent is up.");
    expo_begin(x, "");
    expo_value(x, (double)mono_sub(loop_now(a->loop), a->started).ns / 1e9);
    expo_family(x, "supd_agent_events_total", EXPO_COUNTER, "Events of supd that it has seen.");
    expo_begin(x, "");
    expo_int(x, (int64_t)a->events);
}

void metrics_write(const struct agent_program *a, struct str *out)
{
    struct expo x = {.out = out};
    put_agent(&x, a);
    put_states(&x, a);
    put_counters(&x, a);
    metrics_statsd(&x, a);
    metrics_probes(&x, a);
    metrics_alerts(&x, a);
}
