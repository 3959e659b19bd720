/* probes: what is probed and how it is; probe run: one attempt now, as a Nagios plugin would. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/listing.h"
#include "supervisor/cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum mark mark(const char *state)
{
    return strcmp(state, "OK") == 0       ? MARK_GOOD
           : strcmp(state, "FAILED") == 0 ? MARK_BAD
                                          : MARK_WAITING;
}

static const struct column columns[] = {
    COLUMN("name", "NAME", TEXT),
    COLUMN("type", "TYPE", TEXT),
    COLUMN("state", "STATE", STATE),
    COLUMN("since_ms", "SINCE", SPAN),
    COLUMN("next_ms", "NEXT", SPAN),
    COLUMN("took_us", "TOOK", TOOK),
    COLUMN_OR_NONE("reason", "REASON", TEXT),
    COLUMN("detail", "DETAIL", TEXT),
};

int cmd_probes(struct cli *c, int argc, char **argv)
{
    static const struct listing l = {columns, sizeof(columns) / sizeof(columns[0]), "state", mark,
                                     "there are no probes: no [probe:NAME] is configured"};
    c->json |= cli_flag(&argc, argv, "--json");
    return listing_show(c, &l, "probes", argv + 1, (size_t)argc - 1);
}

/* a plugin's exit codes: 0 OK, 2 CRITICAL, 3 UNKNOWN */
struct run {
    bool json;
    int exit;
};

static void print_result(const struct client_reply *r, const char *word)
{
    struct str text = STR_INIT;
    int64_t us = reply_int(r, "took_us", 0);
    show_clean(&text, reply_text(r, "detail"));
    printf("%s - %s: %s | time=%" PRId64 ".%06ds;;;0\n", word, reply_text(r, "name"),
           str_text(&text), us / 1000000, (int)(us % 1000000));
    str_fini(&text);
}

static bool on_result(void *obj, const struct client_reply *r)
{
    static const struct {
        const char *status, *word;
        int exit;
    } rows[] = {{"ok", "OK", 0}, {"fail", "CRITICAL", 2}, {"unknown", "UNKNOWN", 3}};
    struct run *run = obj;
    if (r->kind != WIRE_OK)
        return true;
    if (run->json)
        json_print(r);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(reply_text(r, "status"), rows[i].status) != 0)
            continue;
        run->exit = rows[i].exit;
        if (!run->json)
            print_result(r, rows[i].word);
    }
    return true;
}

int cmd_probe(struct cli *c, int argc, char **argv)
{
    struct run run = {.exit = 3};
    run.json = c->json | cli_flag(&argc, argv, "--json");
    if (argc != 3 || strcmp(argv[1], "run") != 0)
        cli_usage(cli_find("probe")); /* 2 would be CRITICAL */
    else if (agent_call(c, "probe", argv + 1, 2, on_result, &run) != 0)
        run.exit = 3;
    return run.exit;
}
