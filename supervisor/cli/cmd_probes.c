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
    return listing_show(c, &l, "probes", argv + 1, (size_t)argc - 1);
}

/* a plugin's exit codes */
enum { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN };

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

/* A certificate that ends soon is no failure, but a plugin warns of it: as severe as its alert. */
static int exit_of(const struct client_reply *r)
{
    static const int stages[] = {NAGIOS_OK, NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL};
    int64_t stage = reply_int(r, "stage", 0);
    if (strcmp(reply_text(r, "status"), "fail") == 0)
        return NAGIOS_CRITICAL;
    if (strcmp(reply_text(r, "status"), "ok") != 0)
        return NAGIOS_UNKNOWN;
    return stage >= 0 && stage < (int64_t)(sizeof(stages) / sizeof(stages[0])) ? stages[stage]
                                                                               : NAGIOS_CRITICAL;
}

static bool on_result(void *obj, const struct client_reply *r)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    struct run *run = obj;
    if (r->kind != WIRE_OK)
        return true;
    run->exit = exit_of(r);
    if (run->json)
        json_print(r);
    else
        print_result(r, words[run->exit]);
    return true;
}

int cmd_probe(struct cli *c, int argc, char **argv)
{
    struct run run = {.json = c->json, .exit = NAGIOS_UNKNOWN};
    if (argc != 3 || strcmp(argv[1], "run") != 0)
        cli_usage(cli_find("probe")); /* 2 would be CRITICAL */
    else if (agent_call(c, "probe", argv + 1, 2, on_result, &run) != 0)
        run.exit = NAGIOS_UNKNOWN;
    return run.exit;
}
