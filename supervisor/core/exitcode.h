/* The exit status of supd when a program ends it: a pure table. Status N of a shell's convention:
 * 0 to 255, and 128+N for a death by signal N, kept apart as -N so that supd can die likewise. */
#ifndef CORE_EXITCODE_H
#define CORE_EXITCODE_H

#include "supervisor/core/proc.h"

#include <stddef.h>
#include <stdint.h>

/* When an end for good of a program (EXITED and not started again, or FATAL) ends supd. */
enum exit_on { EXIT_ON_NEVER, EXIT_ON_ANY, EXIT_ON_ALL, EXIT_ON_CRITICAL };

extern const char *const exit_on_words[]; /* by enum exit_on; NULL at the end */

#define EXIT_FROM_ANY (-1)
#define EXIT_TO_OWN (-1)

/* One row of exit_code=: this status becomes that one. */
struct exit_map {
    int16_t from; /* 0 to 255, 128+N for signal N, or EXIT_FROM_ANY */
    int16_t to;   /* 0 to 255, or EXIT_TO_OWN */
};

struct exit_facts {
    enum exit_on on;
    bool critical;      /* critical=true */
    bool on_fatal_exit; /* on_fatal=exit */
    bool fatal;         /* FATAL, and not to be tried again by itself; else EXITED */
    bool others_up;     /* some other program is up, or on its way up or down */
};

/* Whether the end for good of one program ends supd. on_fatal=exit counts in every case. */
bool exit_ends_all(const struct exit_facts *f);
/* The status of a program that ended for good: as it exited, or -N for signal N. One that is FATAL
 * never counts as success: 1 where it exited with 0 too soon. spawn_errnum: why it could not be
 * started at last, 0 if it could be: ENOENT gives 127, EACCES 126, others 1. */
int exit_status_of(const struct proc_life *l, int spawn_errnum);
/* The first row that fits decides; without one the status stays. Returns 0 to 255, or -N. */
int exit_mapped(const struct exit_map *v, size_t n, int status);
/* -N becomes 128+N. */
int exit_as_code(int status);

#endif
