/* type=log: rows. */
#include "alerts/rules/notify_log.h"

#define O struct notify_log
static const struct opt rows[] = {
    NOTIFY_ROW(O, "details", details, BOOLEAN, .def = "true",
               .help = "The condition with its numbers, the runbook and the key, too."),
};
OPT_TABLE(rows_notify_log, rows);

const struct kind notify_kind_log = {
    .name = "log",
    .aka = "stdout stderr console file syslog",
    .help = "Writes a line to supd's log.",
    .rows = &rows_notify_log,
    .size = sizeof(struct notify_log),
};
