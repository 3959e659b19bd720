/* The states of probes over the agent's restarts: written down with the alerts that follow from
 * them, and read back before any alert is judged. */
#ifndef AGENT_KEEPING_H
#define AGENT_KEEPING_H

#include "supervisor/agent/program.h"

/* How long a state is believed that nobody has looked at: see schedule.h. Beside each state the
 * moment is written down up to which somebody did, at this distance. */
#define KEEPING_STAMP DUR_S(30)
/* Where there is only memory for it, so many probes at most are kept. */
#define KEEPING_PROBES_IN_MEMORY 500

/* After probing_setup. */
void keeping_setup(struct agent_program *a);
/* Before the engine goes: the last stamp. */
void keeping_fini(struct agent_program *a);
/* The generation has changed. */
void keeping_apply(struct agent_program *a);
/* Something of a probe is new, or it is gone. */
void keeping_probe(struct agent_program *a, const struct probe_event *ev);
/* A record that was read back: engine_ops.kept. obj: the agent. */
bool keeping_record(void *obj, const char *table, const char *key, const void *p, size_t n);
/* That was all: engine_ops.restored. */
void keeping_restored(void *obj);

#endif
