/* Everything that the agent knows, as metrics: one part a subject, one family after another. */
#include "supervisor/rpc/metrics.h"

#include <string.h>

static void begin_process(struct expo *x, const struct agent_process *p)
{
    expo_begin(x, "");
    expo_label(x, "name", p->name);
    expo_label(x, "program", p->program);
}

static void put_up(struct expo *x, const struct agent_process *p)
{
    expo_int(x, strcmp(p->state, "RUNNING") == 0);
}

static void put_state(struct expo *x, const struct agent_process *p)
{
    expo_label(x, "state", p->state);
    expo_int(x, 1);
}

static void put_start(struct expo *x, const struct agent_process *p)
{
    expo_int(x, p->start);
}

static const struct {
    const char *name, *help;
    enum expo_type type;
    void (*put)(struct expo *x, const struct agent_process *p); /* NULL: the counter there */
    size_t offset;
} processes[] = {
    {"supd_process_up", "1 if the process is RUNNING.", EXPO_GAUGE, put_up, 0},
    {"supd_process_state", "1 for the state that the process is in.", EXPO_GAUGE, put_state, 0},
    {"supd_process_start_time_seconds",
     "When the last instance began, in seconds since 1970; 0 if it never did.", EXPO_GAUGE,
     put_start, 0},
#define COUNTER(name, help, field)                                                                 \
    {                                                                                              \
        "supd_process_" name "_total", help, EXPO_COUNTER, NULL,                                   \
            offsetof(struct agent_process, field)                                                  \
    }
    COUNTER("starts", "Starts of the process.", starts),
    COUNTER("restarts", "Automatic restarts of the process.", restarts),
    COUNTER("exits", "Exits of the process.", exits),
    COUNTER("exits_unexpected", "Exits of the process that were not expected.", unexpected),
    COUNTER("fatals", "How often the process was given up on.", fatals),
#undef COUNTER
};

static void put_processes(struct expo *x, const struct agent_program *a, size_t step)
{
    expo_family(x, processes[step].name, processes[step].type, processes[step].help);
    for (const struct agent_process *p = NULL; (p = agent_procs_next(a->procs, p));) {
        uint64_t n;
        begin_process(x, p);
        memcpy(&n, (const char *)p + processes[step].offset, sizeof(n));
        if (processes[step].put)
            processes[step].put(x, p);
        else
            expo_int(x, (int64_t)n);
    }
}

static void put_agent(struct expo *x, const struct agent_program *a, size_t step)
{
    (void)step;
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

static const struct metrics_part of_agent = {1, put_agent};
static const struct metrics_part of_processes = {sizeof(processes) / sizeof(processes[0]),
                                                 put_processes};
static const struct metrics_part *const parts[] = {&of_agent, &of_processes, &metrics_statsd,
                                                   &metrics_probes, &metrics_alerts};

bool metrics_step(const struct agent_program *a, size_t step, struct str *out)
{
    struct expo x = {.out = out};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (step < parts[i]->steps) {
            parts[i]->write(&x, a, step);
            return true;
        }
        step -= parts[i]->steps;
    }
    return false;
}
