/* help: the commands, or one of them. */
#include "supervisor/cli/cmd.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    const char *text;
} exits[] = {
#define EXIT_ROW(name, code, text) {(code), (text)},
    CLI_EXITS(EXIT_ROW)
#undef EXIT_ROW
};

/* prints sentences, in lines of at most width columns */
static void print_wrapped(const char *text, size_t width)
{
    size_t at = 0;
    putchar('\n');
    while (*text) {
        size_t n = strcspn(text, " ");
        if (at > 0 && at + 1 + n > width) {
            putchar('\n');
            at = 0;
        }
        at += (size_t)printf("%s%.*s", at ? " " : "", (int)n, text);
        text += n + strspn(text + n, " ");
    }
    putchar('\n');
}

static int help_one(const struct cli_command *cmd)
{
    printf("usage: supctl %s%s%s\n\n%s\n", cmd->name, cmd->args[0] ? " " : "", cmd->args,
           cmd->help);
    if (cmd->more[0])
        print_wrapped(cmd->more, 80);
    if (cli_takes(cmd, "--json"))
        puts("\n--json prints JSON.");
    if (cmd->words == CLI_NAMES || cmd->words == CLI_SIGNAL_NAMES)
        puts(
            "\nNAME is a process (web, or GROUP:PROCESS), a group (web or web:*), a shell pattern\n"
            "('web*', 'web:*_0[0-3]'), or all.");
    return CLI_OK;
}

/* "--json print JSON (status, explain, ...)", in lines of at most 80 columns */
static void help_json(const struct cli_command *cmds, size_t n)
{
    size_t at = (size_t)printf("      --json           print JSON (");
    const char *gap = "";
    for (size_t i = 0; i < n; i++) {
        if (!cli_takes(&cmds[i], "--json"))
            continue;
        bool full = at + strlen(gap) + strlen(cmds[i].name) > 78;
        at = full ? 23 : at + strlen(gap);
        printf("%s%s", full ? ",\n                       " : gap, cmds[i].name);
        at += strlen(cmds[i].name);
        gap = ", ";
    }
    puts(")");
}

static void help_all(void)
{
    size_t n;
    const struct cli_command *cmds = cli_commands(&n);
    puts("usage: supctl [-s SOCKET] [--json] [COMMAND [ARG...]]\n\n"
         "Shows and changes what supd does. Without a command: an interactive shell.\n");
    for (size_t i = 0; i < n; i++)
        if (!cmds[i].hidden)
            printf("  %-9s %s\n", cmds[i].name, cmds[i].help);
    puts("\n  -s, --socket SOCKET  where supd listens (default: $SUPD_SOCKET, /run/supd.sock as\n"
         "                       root, $XDG_RUNTIME_DIR/supd.sock)");
    help_json(cmds, n);
    puts("  -h, --help           this text; 'supctl help COMMAND' explains one\n"
         "      --version        the version of supctl\n\nexit codes:");
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
        printf("  %d  %s\n", exits[i].code, exits[i].text);
}

int cmd_help(struct cli *c, int argc, char **argv)
{
    (void)c;
    const struct cli_command *cmd = argc > 1 ? cli_find(argv[1]) : NULL;
    if (cmd)
        return help_one(cmd);
    if (argc > 1) {
        cli_complain("no such command: %s; 'supctl help' lists them", argv[1]);
        return CLI_USAGE;
    }
    help_all();
    return CLI_OK;
}

/* text for mdoc: a backslash, a quote and a leading dot mean something there; with lines a new
 * sentence begins a new one */
static void put_mdoc(const char *text, bool lines)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || *p == '-')
            fputs(*p == '-' ? "\\-" : "\\e", stdout);
        else if (*p == '"')
            fputs("\\(dq", stdout);
        else if ((*p == '.' || *p == '\'') && p == text)
            printf("\\&%c", *p);
        else if (lines && strncmp(p, ". ", 2) == 0 && *++p)
            fputs(".\n", stdout);
        else
            putchar(*p);
    }
}

int cli_print_commands(void)
{
    size_t n;
    const struct cli_command *cmds = cli_commands(&n);
    for (size_t i = 0; i < n; i++) {
        if (cmds[i].hidden)
            continue;
        printf(".It Ic %s", cmds[i].name);
        fputs(cmds[i].args[0] ? " Ar \"" : "", stdout);
        put_mdoc(cmds[i].args, false);
        printf("%s\n%c", cmds[i].args[0] ? "\"" : "", toupper((unsigned char)cmds[i].help[0]));
        put_mdoc(cmds[i].help + 1, true);
        puts(".");
        put_mdoc(cmds[i].more, true);
        fputs(cmds[i].more[0] ? "\n" : "", stdout);
    }
    return CLI_OK;
}
