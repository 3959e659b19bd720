/* Groups by name: a table for the length of one comparison, so that it costs n log n and not n
 * times n. */
#ifndef RUN_BYNAME_H
#define RUN_BYNAME_H

#include "supervisor/run/groups.h"

struct byname_row;
struct byname {
    struct byname_row *rows;
    size_t n;
};

/* A table of the running groups, or of a generation's records; whoever asks frees it with
 * byname_fini before one of them goes away. 0, or -1 when there is no memory. */
int byname_running(struct byname *t, struct sup *s);
int byname_records(struct byname *t, const struct gen *gen);
/* The struct group or the const struct gen_group of that name, or NULL. */
struct group *byname_group(const struct byname *t, const char *name);
const struct gen_group *byname_record(const struct byname *t, const char *name);
void byname_fini(struct byname *t);

#endif
