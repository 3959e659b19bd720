/* alerts: what fires, and what is done about it: acknowledge, silence. */
#include "supervisor/base/mem.h"
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/listing.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum mark mark(const char *state)
{
    return strcmp(state, "OK") == 0       ? MARK_GOOD
           : strcmp(state, "FIRING") == 0 ? MARK_BAD
                                          : MARK_WAITING;
}

static const struct column alert_columns[] = {
    COLUMN("name", "NAME", TEXT),
    COLUMN("severity", "SEVERITY", TEXT),
    COLUMN("state", "STATE", STATE),
    COLUMN("since_ms", "SINCE", SPAN),
    COLUMN_OR_NONE("held", "HELD BACK", TEXT),
    COLUMN("text", "WHY", TEXT),
};
static const struct column silence_columns[] = {
    COLUMN("id", "ID", TEXT),           COLUMN("matchers", "MATCHERS", TEXT),
    COLUMN("ends_ms", "ENDS IN", SPAN), COLUMN("author", "AUTHOR", TEXT),
    COLUMN("reason", "REASON", TEXT),
};
#define NCOLUMNS(a) (sizeof(a) / sizeof((a)[0]))

static int list_alerts(struct cli *c, int argc, char **argv)
{
    static const struct listing l = {alert_columns, NCOLUMNS(alert_columns), "state", mark,
                                     "there are no alerts: no [alert:NAME] is configured"};
    return listing_show(c, &l, "alerts", argv, (size_t)argc);
}

static int list_silences(struct cli *c, int argc, char **argv)
{
    static const struct listing l = {silence_columns, NCOLUMNS(silence_columns), NULL, NULL,
                                     "there are no silences"};
    return listing_show(c, &l, "silences", argv, (size_t)argc);
}

/* who does it, for the record */
static const char *author(void)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *pw = getpwuid(getuid());
    return sudo && *sudo ? sudo : pw ? pw->pw_name : "unknown";
}

static bool on_id(void *obj, const struct client_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_OK && *reply_text(r, "id"))
        puts(reply_text(r, "id"));
    return true;
}

/* unack NAME..., unsilence ID */
static int take_back(struct cli *c, int argc, char **argv)
{
    return argc < 2 ? cli_usage(cli_find("alerts"))
                    : agent_call(c, argv[0], argv + 1, (size_t)argc - 1, NULL, NULL);
}

/* ack NAME... [for=DURATION] [reason=TEXT], silence LABEL=VALUE... for=DURATION reason=TEXT: with
 * who does it behind them */
static int act(struct cli *c, int argc, char **argv)
{
    struct str by = STR_INIT;
    if (argc < 2)
        return cli_usage(cli_find("alerts"));
    char **args = mem_alloc((size_t)argc * sizeof(*args));
    str_printf(&by, "by=%s", author());
    for (int i = 1; i < argc; i++)
        args[i - 1] = argv[i];
    args[argc - 1] = by.s;
    int exit = agent_call(c, argv[0], args, (size_t)argc, on_id, NULL);
    str_fini(&by);
    free(args);
    return exit;
}

int cmd_alerts(struct cli *c, int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*fn)(struct cli *c, int argc, char **argv);
        int skip;
    } words[] = {{"ack", act, 0},
                 {"unack", take_back, 0},
                 {"silence", act, 0},
                 {"unsilence", take_back, 0},
                 {"silences", list_silences, 1}};
    for (size_t i = 0; argc > 1 && i < NCOLUMNS(words); i++) {
        if (strcmp(argv[1], words[i].word) == 0)
            return words[i].fn(c, argc - 1 - words[i].skip, argv + 1 + words[i].skip);
    }
    return list_alerts(c, argc - 1, argv + 1);
}
