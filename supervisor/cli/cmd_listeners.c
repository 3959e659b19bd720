/* listeners: the event listeners and what waits for them. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/listing.h"

#include <string.h>

static const struct column columns[] = {
    COLUMN("name", "NAME", TEXT),          COLUMN("state", "STATE", TEXT),
    COLUMN("listener", "LISTENER", STATE), COLUMN("event", "HAS EVENT", NUMBER),
    COLUMN("waiting", "WAITING", NUMBER),  COLUMN("buffer_size", "OF", NUMBER),
    COLUMN("events", "EVENTS", NUMBER),    COLUMN("discarded", "DISCARDED", NUMBER),
};

static enum mark mark_listener(const char *state)
{
    if (strcmp(state, "UNKNOWN") == 0 || strcmp(state, "DEAF") == 0)
        return MARK_BAD;
    return strcmp(state, "READY") == 0 ? MARK_GOOD : MARK_WAITING;
}

int cmd_listeners(struct cli *c, int argc, char **argv)
{
    static const struct listing l = {.columns = columns,
                                     .ncolumns = sizeof(columns) / sizeof(columns[0]),
                                     .state_key = "listener",
                                     .mark = mark_listener,
                                     .none = "there are no event listeners"};
    return listing_of_supd(c, &l, "listeners", argv + 1, (size_t)argc - 1);
}
