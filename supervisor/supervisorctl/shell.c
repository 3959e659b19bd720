/* The interactive shell of supervisorctl. Ctrl-C ends it, but what follows a log ends alone. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/base/arena.h"
#include "supervisor/base/mem.h"
#include "supervisor/cli/editor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_MAX 1000000 /* lines: all of them, as readline keeps */

/* ---- completion ---- */

struct completing {
    const char *prefix;
    editor_candidate_fn *fn;
    void *sink;
};

static void offer(const struct completing *k, const char *candidate)
{
    if (strncmp(candidate, k->prefix, strlen(k->prefix)) == 0)
        k->fn(k->sink, candidate);
}

static void offer_commands(const struct completing *k)
{
    size_t n;
    const struct sctl_command *all = sctl_commands(&n);
    for (size_t i = 0; i < n; i++)
        if (all[i].help || strcmp(all[i].name, "help") == 0)
            offer(k, all[i].name);
}

static const char *group_of(const json_t *infos, size_t i)
{
    return sctl_text(json_array_get(infos, i), "group");
}

/* the server lists processes by their groups */
static bool first_of_group(const json_t *infos, size_t i)
{
    return i == 0 || strcmp(group_of(infos, i - 1), group_of(infos, i)) != 0;
}

static void offer_name(const struct completing *k, struct arena *a, const json_t *infos, size_t i)
{
    const char *group = group_of(infos, i), *name = sctl_text(json_array_get(infos, i), "name");
    if (strcmp(group, name) == 0 && !strchr(k->prefix, ':')) {
        offer(k, name);
        return;
    }
    offer(k, arena_printf(a, "%s:%s", group, name));
    if (first_of_group(infos, i))
        offer(k, arena_printf(a, "%s:*", group));
}

static void offer_names(struct sctl *c, const struct completing *k, bool groups)
{
    if (!c->infos)
        c->infos = sctl_value(c, "getAllProcessInfo", "[]");
    struct arena *a = arena_new();
    for (size_t i = 0; i < json_array_size(c->infos); i++) {
        if (!groups)
            offer_name(k, a, c->infos, i);
        else if (first_of_group(c->infos, i))
            offer(k, group_of(c->infos, i));
    }
    arena_free(&a);
}

static void complete(void *obj, char *const *words, size_t nwords, const char *prefix,
                     editor_candidate_fn *fn, void *sink)
{
    struct completing k = {prefix, fn, sink};
    const struct sctl_command *cmd = nwords ? sctl_find(words[0], strlen(words[0])) : NULL;
    if (!nwords || (cmd && cmd->words == SCTL_COMMANDS))
        offer_commands(&k);
    else if (cmd && cmd->words != SCTL_NOTHING)
        offer_names(obj, &k, cmd->words == SCTL_GROUPS);
}

/* ---- lines ---- */

/* Ctrl-C at the prompt, or in a command that does not end by it: true, and the shell's last line */
static bool interrupted(const struct sctl *c)
{
    if (*c->stop)
        sctl_say("%s", "");
    return *c->stop;
}

/* line: NULL at the end of the input; false for the last one */
static bool run(struct sctl *c, const char *line)
{
    return !interrupted(c) && sctl_run(c, line ? line : "EOF") && !interrupted(c);
}

static void plain_shell(struct sctl *c, const char *prompt)
{
    bool on = true;
    while (on) {
        char *line = sctl_ask(prompt);
        on = run(c, line);
        free(line);
    }
}

static void edited_shell(struct sctl *c, const char *prompt)
{
    struct editor *e = editor_new(&(struct editor_opts){.program = "supervisorctl",
                                                        .prompt = prompt,
                                                        .history_max = HISTORY_MAX,
                                                        .complete = complete,
                                                        .obj = c});
    bool on = true;
    if (c->history_file)
        editor_load_plain(e, c->history_file);
    while (on) {
        const char *line = editor_line(e);
        if (line && line[strspn(line, " \t\r\n")])
            editor_remember(e, line);
        on = run(c, line);
    }
    if (c->history_file)
        editor_save_plain(e, c->history_file);
    editor_free(&e);
}

void sctl_shell(struct sctl *c)
{
    struct str prompt = STR_INIT;
    str_printf(&prompt, "%s> ", c->prompt);
    sctl_catch(c, true);
    c->shell = true;
    bool edited = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), on = run(c, "status");
    if (on && edited)
        edited_shell(c, str_text(&prompt));
    else if (on)
        plain_shell(c, str_text(&prompt));
    str_fini(&prompt);
}
