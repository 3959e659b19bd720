/* metrics: what is counted; notify: whether the notifiers work. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/listing.h"

#include <stdio.h>
#include <string.h>

static const struct column metric_columns[] = {
    COLUMN("name", "NAME", TEXT),          COLUMN("type", "TYPE", TEXT),
    COLUMN("window", "WINDOW", TEXT),      COLUMN("total", "TOTAL", NUMBER),
    COLUMN("errors", "ERRORS", NUMBER),    COLUMN("ratio", "RATIO", SHARE),
    COLUMN_OR_NONE("p50_us", "P50", TOOK), COLUMN_OR_NONE("p95_us", "P95", TOOK),
    COLUMN_OR_NONE("p99_us", "P99", TOOK), COLUMN("known", "KNOWN", SHARE),
};
static const struct column notify_columns[] = {
    COLUMN("name", "NAME", TEXT),
    COLUMN("type", "TYPE", TEXT),
    COLUMN("state", "STATE", STATE),
    COLUMN("delivered", "DELIVERED", NUMBER),
    COLUMN("failed", "FAILED", NUMBER),
    COLUMN("waiting", "WAITING", NUMBER),
    COLUMN("last_ms", "LAST DELIVERY", SPAN),
    COLUMN("error", "LAST ERROR", TEXT),
};
#define NCOLUMNS(a) (sizeof(a) / sizeof((a)[0]))

int cmd_metrics(struct cli *c, int argc, char **argv)
{
    static const struct listing l = {metric_columns, NCOLUMNS(metric_columns), NULL, NULL,
                                     "there are no metrics: no [metric:NAME] is configured"};
    return listing_show(c, &l, "metrics", argv + 1, (size_t)argc - 1);
}

static enum mark mark(const char *state)
{
    return strcmp(state, "failing") == 0 ? MARK_BAD
           : strcmp(state, "ok") == 0    ? MARK_GOOD
                                         : MARK_WAITING;
}

static bool on_test(void *obj, const struct client_reply *r)
{
    const struct cli *c = obj;
    if (r->kind == WIRE_OK && c->json)
        json_print(r);
    else if (r->kind == WIRE_OK)
        printf("delivered by %s: %s\n", reply_text(r, "name"), reply_text(r, "text"));
    return true;
}

int cmd_notify(struct cli *c, int argc, char **argv)
{
    static const struct listing l = {notify_columns, NCOLUMNS(notify_columns), "state", mark,
                                     "there are no notifiers: no [notify:NAME] is configured"};
    if (argc == 1)
        return listing_show(c, &l, "notifiers", NULL, 0);
    if (argc != 3 || strcmp(argv[1], "test") != 0)
        return cli_usage(cli_find("notify"));
    return agent_call(c, "notify", argv + 1, 2, on_test, c);
}
