/* A whole supervisor on the simulated machine: its run layer with a generation made by hand. */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "supervisor/run/sup.h"
#include "tests/fake/fake.h"
#include "tests/fake/gen_make.h"

/* Makes the supervisor, its groups and processes, and starts what has autostart. After this
 * loop_run() plays. Ends the program when it cannot. */
void stage_open(struct sup *s, const struct gen_make *conf);
/* The same with a generation that is made already (gen_make_fd), which it takes; -1 and the reason
 * when it cannot: to be closed all the same. */
int stage_try(struct sup *s, int gen_fd, struct err *e);
/* A generation beside the one that runs, for s->pending. */
struct live_gen *stage_gen(struct sup *s, const struct gen_make *conf);
/* Frees it all. */
void stage_close(struct sup *s);

#endif
