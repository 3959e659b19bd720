/* The table of commands, and running a line. */
#include "supervisor/supervisorctl/cmd.h"
#include "supervisor/base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sctl_command commands[] = {
#define COMMAND(name_, words_, help_)                                                              \
    {.name = #name_, .fn = sctl_do_##name_, .words = (words_), .help = (help_)},
#include "supervisor/supervisorctl/commands.def"
#undef COMMAND
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct sctl_command *sctl_commands(size_t *out_n)
{
    *out_n = NCOMMANDS;
    return commands;
}

const struct sctl_command *sctl_find(const char *name, size_t len)
{
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (strncmp(commands[i].name, name, len) == 0 && !commands[i].name[len])
            return &commands[i];
    return NULL;
}

static void print_help(const char *command)
{
    sctl_say("%s", sctl_find(command, strlen(command))->help);
}

enum sctl_end sctl_usage(struct sctl *c, const char *command, int exit, const char *what)
{
    sctl_say("%s", what);
    c->exit = exit;
    print_help(command);
    return SCTL_DONE;
}

bool sctl_refuse_args(struct sctl *c, const char *command, const char *arg)
{
    if (!*arg)
        return false;
    sctl_say("Error: %s accepts no arguments", command);
    c->exit = SCTL_FAILED;
    print_help(command);
    return true;
}

void sctl_error(const char *fmt, ...)
{
    va_list ap;
    fputs("ERROR: ", stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

/* ---- a line ---- */

static bool unknown(struct sctl *c, const char *line)
{
    sctl_say("*** Unknown syntax: %s", line);
    c->exit = SCTL_FAILED;
    return true;
}

/* a name and a password from the terminal; false if there are none */
static bool ask_who(struct sctl *c)
{
    sctl_say("Server requires authentication");
    char *user = sctl_ask("Username:"), *password = user ? sctl_ask_hidden("Password:") : NULL;
    if (!password) {
        free(user);
        sctl_raise(c, "EOFError", "EOF when reading a line");
        return false;
    }
    sctl_say("%s", "");
    free(c->user_kept);
    free(c->password_kept);
    c->user = c->user_kept = user;
    c->password = c->password_kept = password;
    return true;
}

static void show_error(struct sctl *c)
{
    c->exit = SCTL_FAILED;
    if (c->error.stopped)
        return;
    if (c->error.http == 401)
        sctl_say("Server requires authentication");
    sctl_say("error: %s", str_text(&c->error.text));
}

/* false for the shell's last line */
static bool run(struct sctl *c, const struct sctl_command *cmd, const char *arg)
{
    for (;;) {
        enum sctl_end end = cmd->fn(c, arg);
        if (end != SCTL_RAISED)
            return end == SCTL_DONE;
        if (c->error.http == 401 && c->interactive && ask_who(c))
            continue;
        show_error(c);
        return true;
    }
}

static bool in_name(char ch)
{
    return isalnum((unsigned char)ch) || ch == '_';
}

static char *stripped(const char *line)
{
    while (isspace((unsigned char)*line))
        line++;
    size_t n = strlen(line);
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    char *s = mem_alloc(n + 1);
    memcpy(s, line, n);
    s[n] = '\0';
    return s;
}

/* "?x" is "help x" */
static char *spelled_out(const char *line)
{
    char *s = stripped(line);
    struct str out = STR_INIT;
    if (s[0] != '?')
        return s;
    str_printf(&out, "help %s", s + 1);
    free(s);
    return str_take(&out);
}

bool sctl_run(struct sctl *c, const char *line)
{
    char *text = spelled_out(line), *arg = text;
    bool on = true;
    while (in_name(*arg))
        arg++;
    const struct sctl_command *cmd = sctl_find(text, (size_t)(arg - text));
    arg += strspn(arg, " \t\r\n\v\f");
    json_decref(c->infos);
    c->infos = NULL;
    if (cmd && *text)
        on = run(c, cmd, arg);
    else if (*text)
        on = unknown(c, text);
    free(text);
    return on;
}
