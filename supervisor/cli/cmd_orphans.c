/* orphans: what programs left behind. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/listing.h"

static const struct column columns[] = {
    COLUMN("program", "PROGRAM", TEXT),
    COLUMN("pid", "PID", NUMBER),
    COLUMN("age_ms", "AGE", SPAN),
    COLUMN("uid", "UID", NUMBER),
    COLUMN("former_parent", "FORMER PARENT", NUMBER),
    COLUMN("command", "COMMAND", TEXT),
};

int cmd_orphans(struct cli *c, int argc, char **argv)
{
    static const struct listing l = {.columns = columns,
                                     .ncolumns = sizeof(columns) / sizeof(columns[0]),
                                     .none = "there are no orphans"};
    return listing_of_supd(c, &l, "orphans", argv + 1, (size_t)argc - 1);
}
