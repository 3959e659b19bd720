/* Commands about supd itself: shutdown, version, stats, agent. */
#include "supervisor/base/dur.h"
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"

#include <stdio.h>
#include <string.h>

static bool on_shutdown(void *obj, const struct client_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_OK)
        puts(reply_int(r, "again", 0) ? "it is shutting down already; what is left is killed"
                                      : "Shut down");
    return true;
}

int cmd_shutdown(struct cli *c, int argc, char **argv)
{
    (void)argc, (void)argv;
    return cli_call(c, "shutdown", NULL, 0, on_shutdown, NULL);
}

static bool on_version(void *obj, const struct client_reply *r)
{
    const struct cli *c = obj;
    char up[DUR_TEXT];
    if (r->kind != WIRE_OK)
        return true;
    if (c->json) {
        json_print(r);
        return true;
    }
    printf("supctl " SUPD_VERSION "\nsupd %s\n", reply_text(r, "version"));
    printf("  pid %s%s, %s, up %s, protocol %s\n", reply_text(r, "pid"),
           reply_int(r, "init", 0)        ? " (init)"
           : reply_int(r, "subreaper", 0) ? " (subreaper)"
                                          : "",
           reply_text(r, "state"), dur_human(DUR_MS(reply_int(r, "uptime_ms", 0)), up, sizeof(up)),
           reply_text(r, "protocol"));
    printf("  config %s (generation %s)\n  socket %s\n", reply_text(r, "config"),
           reply_text(r, "generation"), reply_text(r, "socket"));
    return true;
}

int cmd_version(struct cli *c, int argc, char **argv)
{
    (void)argc, (void)argv;
    return cli_call(c, "version", NULL, 0, on_version, c);
}

static bool on_pairs(void *obj, const struct client_reply *r)
{
    const struct cli *c = obj;
    if (r->kind != WIRE_OK && r->kind != WIRE_RECORD)
        return true;
    if (c->json) {
        json_print(r);
        return true;
    }
    for (size_t i = 0; i < r->n; i++)
        printf("%s %s\n", r->pairs[i].key, r->pairs[i].value);
    return true;
}

int cmd_stats(struct cli *c, int argc, char **argv)
{
    (void)argc, (void)argv;
    return cli_call(c, "stats", NULL, 0, on_pairs, c);
}

int cmd_agent(struct cli *c, int argc, char **argv)
{
    return cli_call(c, "agent", argv + 1, (size_t)argc - 1, on_pairs, c);
}
