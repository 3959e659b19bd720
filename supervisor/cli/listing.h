/* Lists that supd-agent or supd gives, as tables: probes, metrics, alerts, silences, orphans. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "supervisor/cli/cli.h"

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER, /* to the right */
    COLUMN_SPAN,   /* milliseconds as a duration; "-" if absent or negative */
    COLUMN_TOOK,   /* microseconds as a duration, to the right */
    COLUMN_SHARE,  /* 0.05 as 5.00%, to the right */
    COLUMN_STATE,  /* coloured */
};

struct column {
    const char *key, *heading;
    enum column_kind kind;
    bool optional; /* not shown where no row has it */
};
#define COLUMN(key_, heading_, kind_)                                                              \
    {                                                                                              \
        .key = (key_), .heading = (heading_), .kind = COLUMN_##kind_                               \
    }
#define COLUMN_OR_NONE(key_, heading_, kind_)                                                      \
    {                                                                                              \
        .key = (key_), .heading = (heading_), .kind = COLUMN_##kind_, .optional = true             \
    }

/* What a state means: bad ones are red, and make the command exit with 3. */
enum mark { MARK_GOOD, MARK_WAITING, MARK_BAD };
typedef enum mark mark_fn(const char *state);

struct listing {
    const struct column *columns;
    size_t ncolumns;
    const char *state_key; /* NULL: no row is bad */
    mark_fn *mark;
    const char *none; /* what to say when there are no rows */
};

/* Asks the agent (`agent REQUEST ARGS`) and prints its rows, or one JSON array. Returns the exit
 * code. args: NULL-terminated after n. */
int listing_show(struct cli *c, const struct listing *l, const char *request, char *const *args,
                 size_t n);
/* The same for a verb of supd itself. */
int listing_of_supd(struct cli *c, const struct listing *l, const char *verb, char *const *args,
                    size_t n);
/* Asks the agent; row may be NULL. Returns the exit code; errors were printed. */
int agent_call(struct cli *c, const char *request, char *const *args, size_t n, client_fn *row,
               void *obj);

#endif
