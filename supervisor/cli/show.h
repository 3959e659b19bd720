/* How supctl shows things: states in colour, times in words, the status table. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "supervisor/cli/cli.h"
#include "supervisor/cli/table.h"

/* The colour of a state, or NULL. */
const char *show_colour(const char *state);
/* True for the states that make `status` exit with 3. */
bool show_is_down(const char *state);
/* The table of status, empty: its heading. */
void show_status_begin(struct table *t);
/* One row. */
void show_status_row(struct table *t, const struct client_reply *r);
/* Prints a table on standard output. */
void show_table(const struct cli *c, const struct table *t);
/* What became of one process: its last exit, the reason, what comes next. */
void show_last(const struct client_reply *r, struct str *out);
/* "YYYY-MM-DD hh:mm:ss" in local time. */
void show_time(int64_t unix_s, char *buf, size_t size);
/* Prints what became of the process of a record: "NAME: DONE" (done NULL: its text), or "NAME:
 * ERROR (TEXT)" on standard error. True if its code is OK. */
bool show_outcome(const struct client_reply *r, const char *done);
/* Prints text with control characters made visible, so that a name cannot play with the terminal.
 */
void show_clean(struct str *out, const char *text);

#endif
