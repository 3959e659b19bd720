/* The event types of listeners, by name. */
#include "supervisor/core/eventtype.h"
#include "supervisor/core/proc.h"

#include <stddef.h>
#include <string.h>

static const char *const names[EVENT_NTYPES] = {
    [EVENT_STATE_STOPPED] = "PROCESS_STATE_STOPPED",
    [EVENT_STATE_STARTING] = "PROCESS_STATE_STARTING",
    [EVENT_STATE_RUNNING] = "PROCESS_STATE_RUNNING",
    [EVENT_STATE_BACKOFF] = "PROCESS_STATE_BACKOFF",
    [EVENT_STATE_STOPPING] = "PROCESS_STATE_STOPPING",
    [EVENT_STATE_EXITED] = "PROCESS_STATE_EXITED",
    [EVENT_STATE_FATAL] = "PROCESS_STATE_FATAL",
    [EVENT_STATE_UNKNOWN] = "PROCESS_STATE_UNKNOWN",
    [EVENT_COMM_STDOUT] = "PROCESS_COMMUNICATION_STDOUT",
    [EVENT_COMM_STDERR] = "PROCESS_COMMUNICATION_STDERR",
    [EVENT_LOG_STDOUT] = "PROCESS_LOG_STDOUT",
    [EVENT_LOG_STDERR] = "PROCESS_LOG_STDERR",
    [EVENT_REMOTE] = "REMOTE_COMMUNICATION",
    [EVENT_SUPERVISOR_RUNNING] = "SUPERVISOR_STATE_CHANGE_RUNNING",
    [EVENT_SUPERVISOR_STOPPING] = "SUPERVISOR_STATE_CHANGE_STOPPING",
    [EVENT_TICK_5] = "TICK_5",
    [EVENT_TICK_60] = "TICK_60",
    [EVENT_TICK_3600] = "TICK_3600",
    [EVENT_GROUP_ADDED] = "PROCESS_GROUP_ADDED",
    [EVENT_GROUP_REMOVED] = "PROCESS_GROUP_REMOVED",
};

/* Their names begin with this one's and "_". */
static const char *const parents[] = {
    "PROCESS_STATE", "PROCESS_COMMUNICATION", "PROCESS_LOG",
    "TICK",          "PROCESS_GROUP",         "SUPERVISOR_STATE_CHANGE",
};

const char *event_type_name(enum event_type type)
{
    return names[type];
}

static bool is_below(const char *name, const char *parent)
{
    size_t n = strlen(parent);
    return strncmp(name, parent, n) == 0 && name[n] == '_';
}

static uint32_t all_below(const char *parent)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < EVENT_NTYPES; i++)
        if (is_below(names[i], parent))
            mask |= EVENT_BIT(i);
    return mask;
}

uint32_t event_type_mask(const char *name)
{
    if (strcmp(name, "EVENT") == 0)
        return EVENT_BIT(EVENT_NTYPES) - 1;
    for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
        if (strcmp(name, parents[i]) == 0)
            return all_below(name);
    for (unsigned i = 0; i < EVENT_NTYPES; i++)
        if (strcmp(name, names[i]) == 0)
            return EVENT_BIT(i);
    return 0;
}

enum event_type event_type_of_state(int state)
{
    static const struct {
        int state;
        enum event_type type;
    } rows[] = {
        {PROC_STOPPED, EVENT_STATE_STOPPED},   {PROC_STARTING, EVENT_STATE_STARTING},
        {PROC_RUNNING, EVENT_STATE_RUNNING},   {PROC_BACKOFF, EVENT_STATE_BACKOFF},
        {PROC_STOPPING, EVENT_STATE_STOPPING}, {PROC_EXITED, EVENT_STATE_EXITED},
        {PROC_FATAL, EVENT_STATE_FATAL},       {PROC_UNKNOWN, EVENT_STATE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].state == state)
            return rows[i].type;
    return EVENT_NTYPES;
}
