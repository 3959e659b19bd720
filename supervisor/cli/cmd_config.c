/* config: what supd goes by, in the form of a configuration file. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

struct config {
    struct json_list *json;
    int exit;
};

static void print_section(const struct client_reply *r)
{
    static const char *const comments[] = {"name", "conf", "section"};
    const char *name = reply_text(r, "name");
    struct str s = STR_INIT;
    str_printf(&s, "[%s]\n; ", reply_text(r, "section"));
    show_clean(&s, name);
    str_puts(&s, *name ? ", from " : "from ");
    show_clean(&s, reply_text(r, "conf"));
    str_putc(&s, '\n');
    for (size_t i = 0; i < r->n; i++) {
        bool skip = false;
        for (size_t k = 0; k < sizeof(comments) / sizeof(comments[0]); k++)
            skip |= strcmp(r->pairs[i].key, comments[k]) == 0;
        if (skip)
            continue;
        str_printf(&s, "%s=", r->pairs[i].key);
        show_clean(&s, r->pairs[i].value);
        str_putc(&s, '\n');
    }
    puts(str_text(&s));
    str_fini(&s);
}

static bool on_row(void *obj, const struct client_reply *r)
{
    struct config *x = obj;
    const char *code = reply_text(r, "code");
    if (r->kind != WIRE_RECORD)
        return true;
    if (*code) {
        cli_complain("%s: %s", reply_text(r, "name"), reply_text(r, "text"));
        x->exit = cli_worst(x->exit, cli_exit_of(code));
    } else if (x->json) {
        json_list_add(x->json, r);
    } else {
        print_section(r);
    }
    return true;
}

int cmd_config(struct cli *c, int argc, char **argv)
{
    struct config x = {0};
    if (c->json)
        x.json = json_list_new();
    int exit = cli_call(c, "config", argv + 1, (size_t)argc - 1, on_row, &x);
    if (x.json)
        json_list_end(&x.json, exit == CLI_OK);
    return exit ? exit : x.exit;
}
