/* The table of commands, and running one by its name. */
#include "supervisor/base/text.h"
#include "supervisor/cli/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cli_command commands[] = {
#define COMMAND(name_, min_, max_, words_, hidden_, options_, args_, help_, more_)                 \
    {.name = #name_,                                                                               \
     .fn = cmd_##name_,                                                                            \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .words = (words_),                                                                            \
     .hidden = (hidden_),                                                                          \
     .options = (options_),                                                                        \
     .args = (args_),                                                                              \
     .help = (help_),                                                                              \
     .more = (more_)},
#include "supervisor/cli/commands.def"
#undef COMMAND
};

const struct cli_command *cli_commands(size_t *out_n)
{
    *out_n = sizeof(commands) / sizeof(commands[0]);
    return commands;
}

const struct cli_command *cli_find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static const char *suggest(const char *name)
{
    for (unsigned limit = 1; limit <= 2; limit++)
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
            if (!commands[i].hidden && text_distance(name, commands[i].name, limit) <= limit)
                return commands[i].name;
    return NULL;
}

int cli_usage(const struct cli_command *cmd)
{
    fprintf(stderr, "usage: supctl %s%s%s\n", cmd->name, cmd->args[0] ? " " : "", cmd->args);
    return CLI_USAGE;
}

/* ---- words with a dash ---- */

const char *cli_next_option(const char **at, size_t *out_len)
{
    const char *word = *at + strspn(*at, " ");
    *out_len = strcspn(word, " ");
    *at = word + *out_len;
    return *out_len ? word : NULL;
}

bool cli_takes(const struct cli_command *cmd, const char *word)
{
    size_t n = strcspn(word, "="), len;
    const char *at = cmd->options;
    for (const char *p; (p = cli_next_option(&at, &len));)
        if (len == n && memcmp(p, word, n) == 0)
            return true;
    return false;
}

static int help_of(struct cli *c, const struct cli_command *cmd)
{
    char *argv[] = {(char *)(uintptr_t) "help", (char *)(uintptr_t)cmd->name, NULL};
    return cmd_help(c, 2, argv);
}

/* A name that is none would do no harm; a word that was meant otherwise may: "stop all --help". */
static int check_options(const struct cli_command *cmd, int argc, char **argv)
{
    if (cli_takes(cmd, "-*"))
        return 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || cli_takes(cmd, argv[i]))
            continue;
        cli_complain("%s: no such option: %s", cmd->name, argv[i]);
        return cli_usage(cmd);
    }
    return 0;
}

/* Takes out what many commands know; an exit code, or -1: go on. */
static int common_options(struct cli *c, const struct cli_command *cmd, int *argc, char **argv)
{
    if (cmd->hidden)
        return -1;
    if (cli_flag(argc, argv, "--help") || cli_flag(argc, argv, "-h"))
        return help_of(c, cmd);
    if (cli_takes(cmd, "--json"))
        c->json |= cli_flag(argc, argv, "--json");
    else if (c->json) {
        cli_complain("%s prints no JSON", cmd->name);
        return CLI_USAGE;
    }
    int wrong = check_options(cmd, *argc, argv);
    return wrong ? wrong : -1;
}

int cli_run(struct cli *c, int argc, char **argv)
{
    const struct cli_command *cmd = cli_find(argv[0]);
    if (!cmd) {
        const char *meant = suggest(argv[0]);
        if (meant)
            cli_complain("no such command: %s; did you mean '%s'?", argv[0], meant);
        else
            cli_complain("no such command: %s; 'supctl help' lists them", argv[0]);
        return CLI_USAGE;
    }
    int done = common_options(c, cmd, &argc, argv);
    if (done >= 0)
        return done;
    if (argc - 1 < cmd->min || (cmd->max >= 0 && argc - 1 > cmd->max))
        return cli_usage(cmd);
    return cmd->fn(c, argc, argv);
}

void cli_complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fflush(stdout);
    fputs("supctl: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

int cli_worst(int a, int b)
{
    return a > b ? a : b;
}

bool cli_flag(int *argc, char **argv, const char *flag)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], flag) != 0)
            continue;
        memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof(*argv));
        (*argc)--;
        return true;
    }
    return false;
}

int cli_connect(struct cli *c)
{
    struct err e;
    if (c->connected)
        return 0;
    if (client_open(&c->client, c->socket, sockpath_from_text(c->from), &e) < 0) {
        cli_complain("%s", e.msg);
        return c->client.error_exit;
    }
    c->connected = true;
    return 0;
}

static bool ignore(void *obj, const struct client_reply *r)
{
    (void)obj, (void)r;
    return true;
}

int cli_ended(struct cli *c, const struct err *e)
{
    struct err why;
    struct client again;
    bool there = false,
         closed = c->client.error_exit == CLI_UNKNOWN; /* and not: it sent what we do not know */
    int exit = closed ? CLI_OK : c->client.error_exit;
    client_close(&c->client);
    c->connected = false;
    if (closed && client_open(&again, c->socket, "", &why) == 0) {
        there = client_call(&again, "ping", NULL, 0, ignore, NULL, &why) == 0;
        client_close(&again);
    }
    if (!closed) {
        cli_complain("%s", e->msg);
    } else if (there) {
        cli_complain("supd closed the connection, since it was not read for too long or supd was "
                     "upgraded or started anew");
        exit = CLI_FAILED;
    } else {
        fputs("supd has ended\n", stderr);
    }
    return exit;
}

int cli_exit_of_running(const char *code)
{
    return strcmp(code, "NOT_RUNNING") == 0 ? CLI_DOWN : cli_exit_of(code);
}

int cli_exit_of(const char *code)
{
    static const struct {
        enum wire_code code;
        int exit;
    } rows[] = {
        {WIRE_BAD_REQUEST, CLI_USAGE},  {WIRE_DENIED, CLI_DENIED},
        {WIRE_SPAWN_ERROR, CLI_DOWN},   {WIRE_ABNORMAL, CLI_DOWN},
        {WIRE_ALREADY_STARTED, CLI_OK}, {WIRE_CANT_REREAD, CLI_FAILED},
        {WIRE_TIMEOUT, CLI_TIMEOUT},
    };
    int n = wire_code_by_name(code);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((int)rows[i].code == n)
            return rows[i].exit;
    return CLI_FAILED;
}

/* keeps the error line of a call, and hands on the others */
struct call {
    client_fn *row;
    void *obj;
    int exit;
};

static bool on_reply(void *obj, const struct client_reply *r)
{
    struct call *call = obj;
    if (r->kind != WIRE_ERROR)
        return call->row ? call->row(call->obj, r) : true;
    cli_complain("%s", r->text);
    call->exit = cli_exit_of(r->code);
    return true;
}

int cli_call(struct cli *c, const char *verb, char *const *args, size_t nargs, client_fn *row,
             void *obj)
{
    struct err e;
    struct call call = {row, obj, 0};
    int exit = cli_connect(c);
    if (exit)
        return exit;
    int r = client_call(&c->client, verb, args, nargs, on_reply, &call, &e);
    if (r >= 0 && r != 2)
        return call.exit;
    if (r < 0)
        cli_complain("%s", e.msg);
    client_close(&c->client);
    c->connected = false;
    return r < 0 ? c->client.error_exit : 0;
}
