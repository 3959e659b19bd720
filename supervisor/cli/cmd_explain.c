/* explain: one paragraph for each process. */
#include "supervisor/base/mem.h"
#include "supervisor/base/vec.h"
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef VEC(char *) name_list;

struct explain {
    name_list *unknown; /* names that are no process; NULL: say so at once */
    struct json_list *json;
    int exit;
    bool more; /* not the first one */
};

static void line(const char *label, const char *text)
{
    struct str s = STR_INIT;
    if (!*text)
        return;
    show_clean(&s, text);
    printf("  %-8s %s\n", label, str_text(&s));
    str_fini(&s);
}

static bool on_row(void *obj, const struct client_reply *r)
{
    struct explain *x = obj;
    const char *code = reply_text(r, "code");
    if (r->kind != WIRE_RECORD)
        return true;
    if (x->unknown && strcmp(code, "BAD_NAME") == 0) { /* it may be the agent's */
        VEC_PUSH(x->unknown, mem_strdup(reply_text(r, "name")));
        return true;
    }
    if (strcmp(code, "OK") != 0) {
        cli_complain("%s: %s", reply_text(r, "name"), reply_text(r, "text"));
        x->exit = cli_worst(x->exit, cli_exit_of(code));
        return true;
    }
    if (x->json) {
        json_list_add(x->json, r);
        return true;
    }
    struct str text = STR_INIT;
    show_clean(&text, reply_text(r, "name"));
    str_puts(&text, ": ");
    show_clean(&text, reply_text(r, "text"));
    printf("%s%s\n", x->more ? "\n" : "", str_text(&text));
    str_fini(&text);
    x->more = true;
    line("error", reply_text(r, "spawnerr"));
    line("stdout", reply_text(r, "stdout_log"));
    line("stderr", reply_text(r, "stderr_log"));
    line("conf", reply_text(r, "conf"));
    return true;
}

/* The agent's own: probes, metrics, alerts, notifiers. It answers a row a line of text. */
static bool on_agent_row(void *obj, const struct client_reply *r)
{
    struct explain *x = obj;
    if (r->kind != WIRE_RECORD)
        return true;
    if (x->json) {
        json_list_add(x->json, r);
        return true;
    }
    struct str text = STR_INIT;
    show_clean(&text, reply_text(r, "text"));
    printf("%s%s\n", *reply_text(r, "name") ? (x->more ? "\n" : "") : "  ", str_text(&text));
    x->more = true;
    str_fini(&text);
    return true;
}

static void explain_rest(struct cli *c, struct explain *x)
{
    name_list *names = x->unknown;
    x->unknown = NULL;
    VEC_EACH (names, i) {
        char *args[] = {(char *)(uintptr_t) "explain", names->v[i]};
        struct err e;
        if (client_call(&c->client, "agent", args, 2, on_agent_row, x, &e) != 0) {
            cli_complain("%s: there is no process, probe, metric, alert or notifier of that name",
                         names->v[i]);
            x->exit = cli_worst(x->exit, cli_exit_of("BAD_NAME"));
        }
        free(names->v[i]);
    }
    VEC_FINI(names);
}

int cmd_explain(struct cli *c, int argc, char **argv)
{
    name_list unknown = VEC_INIT;
    struct explain x = {.unknown = &unknown};
    if (c->json || cli_flag(&argc, argv, "--json"))
        x.json = json_list_new();
    int exit = cli_call(c, "explain", argv + 1, (size_t)argc - 1, on_row, &x);
    if (exit == CLI_OK || unknown.n)
        explain_rest(c, &x);
    if (x.json)
        json_list_end(&x.json, exit == CLI_OK);
    return exit ? exit : x.exit;
}
