/* What a command beside a process finds in its environment. */
#ifndef RUN_ERRAND_ENV_H
#define RUN_ERRAND_ENV_H

#include "supervisor/base/str.h"
#include "supervisor/conf/gen.h"
#include "supervisor/run/state.h"

/* Appends the variables, each with its NUL. */
void errand_env(const struct gen *g, const struct gen_proc *c, const struct state_errand *rec,
                struct str *out);
/* "group:name", or the name alone where both are equal. */
void errand_name(const struct gen *g, const struct gen_proc *c, char *buf, size_t size);

#endif
