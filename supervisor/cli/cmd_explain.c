/* explain: one paragraph for each process. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

struct explain {
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

int cmd_explain(struct cli *c, int argc, char **argv)
{
    struct explain x = {0};
    if (c->json || cli_flag(&argc, argv, "--json"))
        x.json = json_list_new();
    int exit = cli_call(c, "explain", argv + 1, (size_t)argc - 1, on_row, &x);
    if (x.json)
        json_list_end(&x.json, exit == CLI_OK);
    return exit ? exit : x.exit;
}
