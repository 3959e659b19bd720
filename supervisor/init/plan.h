/* Plain init: what it is to do. Read once from the command line of its persona, constant
 * afterwards. */
#ifndef INIT_PLAN_H
#define INIT_PLAN_H

#include "supervisor/base/mono.h"

#include <stdbool.h>
#include <stdint.h>

#define INIT_SIGNALS 65 /* signal n has index n, 1 to 64 */

enum init_session {
    INIT_PGROUP, /* the child leads a process group, the foreground one of our terminal */
    INIT_SETSID, /* the child leads a session and takes the terminal along */
    INIT_JOINED  /* the child leads neither */
};

/* How much is said; a message is said when its level is not above the plan's. */
enum init_level { INIT_FATAL, INIT_WARNING, INIT_INFO, INIT_DEBUG, INIT_TRACE };

struct init_plan;

/* A persona: the manners of one init, by the name it is called. One file, one row in persona.c. */
struct init_persona {
    const char *name;         /* as --as= takes it */
    const char *const *known; /* the basenames of argv[0] that mean it; NULL at the end */
    const char *open, *close; /* a message is open, level (if tells_level), close, text */
    bool tells_level;
    /* Reads the arguments into a plan that init_plan_default() prepared. Returns -1 to go on, else
     * the exit status: usage was wrong, or help or a version was all that was asked for. */
    int (*read)(int argc, char **argv, struct init_plan *plan);
};

struct init_plan {
    struct init_persona persona; /* a copy, see init_trim */
    char *const *argv;           /* the command */
    enum init_session session;
    bool to_group;        /* signals go to the child's whole group */
    bool keeps_entry;     /* the child gets the signal mask and the ignored signals of our entry */
    bool stops_with;      /* a terminal's stop signal stops the child, then us */
    bool follows_stops;   /* when the child is stopped, so are we (job control) */
    bool root_directory;  /* our own working directory becomes / */
    bool subreaper;       /* orphans are to come to us */
    bool warns_no_reaper; /* says so when they cannot */
    bool tells_reaped;    /* names each orphan */
    bool parting_term;    /* the group gets TERM when the child is gone */
    bool clears;          /* what is left when the child is gone is ended, within grace */
    dur_t grace;          /* from TERM to KILL */
    int parent_death;     /* the signal that we want when our parent dies, or 0 */
    enum init_level told;
    int status_missing, status_denied, status_other; /* exit when the command cannot run */
    uint8_t becomes[INIT_SIGNALS];                   /* signal n is passed on as this; 0: not */
    uint8_t success[256 / 8];                        /* exit statuses that become 0 */
};

extern const struct init_persona init_own, init_tini, init_dumb;

/* Every signal is passed on as it is, but CHLD, KILL and STOP; 127, 126 and 1 when the command
 * cannot run; warnings are told; nothing else. */
void init_plan_default(struct init_plan *plan, const struct init_persona *persona);
/* The terminal's stop signals (TSTP, TTIN, TTOU) are passed on as STOP, which nobody can ignore;
 * not those in except (bit n-1). */
void init_plan_stop_hard(struct init_plan *plan, uint64_t except);
/* An exit status that is in plan->success becomes 0. */
int init_plan_status(const struct init_plan *plan, int status);
/* A message on stderr, in one write, with the persona's prefix; cut at 511 bytes, and dropped when
 * stderr would make us wait. */
void init_say(const struct init_plan *plan, enum init_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
