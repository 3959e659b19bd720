/* What supd-agent's probes say about programs: shown beside them, and acted on where the
 * configuration says on_fail=restart. */
#ifndef RUN_HEALTH_H
#define RUN_HEALTH_H

#include "supervisor/run/sup.h"

#include <stdbool.h>

struct str;
struct wire_out;
struct gen;
struct gen_proc;

/* A probe's word about its program; strings are copied. State GONE: nothing any more. False: there
 * is no memory, or a name is too long or one too many. */
bool health_set(struct sup *s, const char *program, const char *probe, const char *state,
                const char *detail);
/* What that probe said last, "OK" or its like; NULL: nothing. */
const char *health_of(const struct sup *s, const char *program, const char *probe);
/* The program's name in "program:NAME"; of other kinds of sections, too. */
const char *health_program_of(const struct gen *g, const struct gen_proc *conf);
/* Forgets everything: the agent has another configuration, or is gone. */
void health_forget(struct sup *s);
/* Appends "health" (the worst state of its probes) and "health_text" for the process with that
 * record; nothing if no probe looks at it. */
void health_put(const struct sup *s, const struct gen *g, const struct gen_proc *conf,
                struct wire_out *w);
/* Appends a sentence about that, unless all is well: " Its health is FAILED: probe web: ..." */
void health_explain(const struct sup *s, const struct gen *g, const struct gen_proc *conf,
                    struct str *out);
/* Restarts what runs of the program, because of that probe. False: the configuration does not allow
 * that probe to do so. */
bool health_restart(struct sup *s, const char *program, const char *probe, const char *detail);

#endif
