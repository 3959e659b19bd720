/* Whom the command line means. */
#ifndef INIT_PERSONA_H
#define INIT_PERSONA_H

#include "supervisor/init/plan.h"

/* The persona of a first argument --as=NAME (which is then taken out), else of argv[0]'s basename,
 * else our own. */
const struct init_persona *init_persona_of(int *argc, char **argv);
/* Our own options, from argv[1] on, into plan (NULL: they are only looked at). Returns the index
 * behind them, and behind a "--" that ends them; or -1, and *out_why says what is wrong with
 * argv[*out_at]. */
int init_own_options(int argc, char *const *argv, struct init_plan *plan, int *out_at,
                     const char **out_why);

#endif
