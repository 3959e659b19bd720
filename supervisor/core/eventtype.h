/* The event types of Supervisor's listeners (supervisor-compat, section 13.3): names, and what an
 * abstract one stands for. */
#ifndef CORE_EVENTTYPE_H
#define CORE_EVENTTYPE_H

#include <stdbool.h>
#include <stdint.h>

/* Those that happen. */
enum event_type {
    EVENT_STATE_STOPPED,
    EVENT_STATE_STARTING,
    EVENT_STATE_RUNNING,
    EVENT_STATE_BACKOFF,
    EVENT_STATE_STOPPING,
    EVENT_STATE_EXITED,
    EVENT_STATE_FATAL,
    EVENT_STATE_UNKNOWN,
    EVENT_COMM_STDOUT,
    EVENT_COMM_STDERR,
    EVENT_LOG_STDOUT,
    EVENT_LOG_STDERR,
    EVENT_REMOTE,
    EVENT_SUPERVISOR_RUNNING,
    EVENT_SUPERVISOR_STOPPING,
    EVENT_TICK_5,
    EVENT_TICK_60,
    EVENT_TICK_3600,
    EVENT_GROUP_ADDED,
    EVENT_GROUP_REMOVED,
    EVENT_NTYPES
};

#define EVENT_BIT(type) (UINT32_C(1) << (type))
/* Those of a program's output. */
#define EVENT_TEXT                                                                                 \
    (EVENT_BIT(EVENT_COMM_STDOUT) | EVENT_BIT(EVENT_COMM_STDERR) | EVENT_BIT(EVENT_LOG_STDOUT) |   \
     EVENT_BIT(EVENT_LOG_STDERR))
#define EVENT_STATES (EVENT_BIT(EVENT_STATE_UNKNOWN + 1) - 1)
#define EVENT_TICKS                                                                                \
    (EVENT_BIT(EVENT_TICK_5) | EVENT_BIT(EVENT_TICK_60) | EVENT_BIT(EVENT_TICK_3600))

/* "PROCESS_STATE_STOPPED" of EVENT_STATE_STOPPED, and so on. */
const char *event_type_name(enum event_type type);
/* The types that a name means, as bits: of an abstract one ("PROCESS_STATE", "EVENT") all below it.
 * 0: there is no such type. The name is in capitals. */
uint32_t event_type_mask(const char *name);
/* The type of a process's change to this state (enum proc_state); EVENT_NTYPES: none. */
enum event_type event_type_of_state(int state);

#endif
