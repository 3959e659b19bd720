/* reread, update, add, remove: groups that come, change and go. */
#include "supervisor/cli/cmd_update.h"
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

struct update {
    int exit;
    size_t lines;
};

/* supd's words, and what people who know Supervisor expect to read */
static const struct {
    const char *what, *text;
} words[] = {
    {"added", "added process group"},
    {"updated", "updated process group"},
    {"removed", "removed process group"},
};

static const char *text_of(const char *what)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i].what, what) == 0)
            return words[i].text;
    return what;
}

static void print_line(FILE *to, const char *before, const char *a, const char *b)
{
    struct str line = STR_INIT;
    str_puts(&line, before);
    show_clean(&line, a);
    str_puts(&line, ": ");
    show_clean(&line, b);
    fprintf(to, "%s\n", str_text(&line));
    fflush(to);
    str_fini(&line);
}

static bool on_row(void *obj, const struct client_reply *r)
{
    struct update *u = obj;
    const char *group = reply_text(r, "group"), *code = reply_text(r, "code");
    if (r->kind != WIRE_RECORD)
        return true;
    if (*reply_text(r, "level")) { /* a line of the configuration's report */
        cli_complain("%s: %s", reply_text(r, "level"), reply_text(r, "text"));
        return true;
    }
    u->lines++;
    if (!*code) {
        print_line(stdout, "", group, text_of(reply_text(r, "what")));
        return true;
    }
    print_line(stderr, "ERROR: ", reply_text(r, "text"), *group ? group : reply_text(r, "name"));
    u->exit = cli_worst(u->exit, cli_exit_of(code));
    return true;
}

int cmd_reread(struct cli *c, int argc, char **argv)
{
    struct update u = {0};
    (void)argc, (void)argv;
    int exit = cli_call(c, "reread", NULL, 0, on_row, &u);
    if (exit == CLI_OK && u.lines == 0)
        puts("No config updates to processes");
    return exit ? exit : u.exit;
}

int cmd_update(struct cli *c, int argc, char **argv)
{
    struct update u = {0};
    int exit = cli_call(c, "update", argv + 1, (size_t)argc - 1, on_row, &u);
    return exit ? exit : u.exit;
}

int update_all(struct cli *c)
{
    struct update u = {0};
    int exit = cli_call(c, "reload", NULL, 0, on_row, &u);
    if (exit == CLI_OK && u.exit == CLI_OK)
        puts("configuration reloaded");
    return exit ? exit : u.exit;
}

/* add and remove: "name code text" records */
struct change {
    struct update u;
    const char *done;
};

static bool on_change(void *obj, const struct client_reply *r)
{
    struct change *x = obj;
    if (r->kind != WIRE_RECORD || strcmp(reply_text(r, "code"), "OK") != 0) {
        if (strcmp(reply_text(r, "code"), "ALREADY_ADDED") != 0)
            return on_row(&x->u, r);
        print_line(stderr, "ERROR: ", reply_text(r, "text"), reply_text(r, "name"));
        return true; /* as in Supervisor, this is no failure */
    }
    print_line(stdout, "", reply_text(r, "name"), x->done);
    return true;
}

static int groups(struct cli *c, int argc, char **argv, const char *done)
{
    struct change x = {.done = done};
    int exit = cli_call(c, argv[0], argv + 1, (size_t)argc - 1, on_change, &x);
    return exit ? exit : x.u.exit;
}

int cmd_add(struct cli *c, int argc, char **argv)
{
    return groups(c, argc, argv, "added process group");
}

int cmd_remove(struct cli *c, int argc, char **argv)
{
    return groups(c, argc, argv, "removed process group");
}
