/* What may stand in place of the word being typed: for the shells' completion and for our own. */
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"
#include "supervisor/cli/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_S 2 /* somebody has pressed a key and waits */

typedef void complete_fn(void *obj, const char *candidate);

struct complete {
    const char *prefix;
    complete_fn *fn;
    void *obj;
    bool groups; /* names of groups are wanted, not of processes */
};

static void offer(const struct complete *x, const char *word)
{
    if (strncmp(word, x->prefix, strlen(x->prefix)) == 0)
        x->fn(x->obj, word);
}

static bool on_name(void *obj, const struct client_reply *r)
{
    const struct complete *x = obj;
    const char *group = reply_text(r, "group"), *name = reply_text(r, "name");
    char all_of[1024];
    if (r->kind != WIRE_RECORD)
        return true;
    if (*group && x->groups)
        offer(x, group);
    if (*name && !x->groups)
        offer(x, name);
    if (*group && !x->groups && reply_int(r, "processes", 1) != 1) {
        snprintf(all_of, sizeof(all_of), "%s:*", group);
        offer(x, all_of);
    }
    return true;
}

/* names come from supd; where it does not answer there are none, and nothing is said */
static void offer_names(struct cli *c, struct complete *x, bool groups)
{
    struct err e;
    struct client cl;
    x->groups = groups;
    if (!groups)
        offer(x, "all");
    if (client_open(&cl, c->socket, "", &e) < 0)
        return;
    client_patience(&cl, PATIENCE_S);
    client_call(&cl, "names", NULL, 0, on_name, x, &e);
    client_close(&cl);
}

static void offer_commands(const struct complete *x)
{
    size_t n;
    const struct cli_command *cmds = cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        if (!cmds[i].hidden)
            offer(x, cmds[i].name);
}

static void offer_signals(const struct complete *x)
{
    for (int sig = 1; sig < 32; sig++)
        if (sigabbrev_np(sig))
            offer(x, sigabbrev_np(sig));
}

/* what else the arguments of a command may be: the first of them, or any */
static const struct {
    const char *command, *word;
    bool first;
} words_of[] = {
    {"tail", "stdout", false},    {"tail", "stderr", false},     {"clear", "main", false},
    {"agent", "ping", true},      {"probe", "run", true},        {"notify", "test", true},
    {"alerts", "ack", true},      {"alerts", "unack", true},     {"alerts", "silence", true},
    {"alerts", "silences", true}, {"alerts", "unsilence", true}, {"update", "all", false},
};

static void offer_words(const struct complete *x, const char *command, bool first)
{
    for (size_t i = 0; i < sizeof(words_of) / sizeof(words_of[0]); i++)
        if (strcmp(words_of[i].command, command) == 0 && (first || !words_of[i].first))
            offer(x, words_of[i].word);
}

static void offer_options(const struct complete *x, const struct cli_command *cmd)
{
    char word[32];
    const char *at = cmd->options;
    size_t n;
    for (const char *p; x->prefix[0] == '-' && (p = cli_next_option(&at, &n));) {
        snprintf(word, sizeof(word), "%.*s", (int)n, p);
        if (strcmp(word, "-*") != 0)
            offer(x, word);
    }
}

void cli_complete(struct cli *c, char *const *words, size_t nwords, const char *prefix,
                  complete_fn *fn, void *obj)
{
    struct complete x = {.prefix = prefix, .fn = fn, .obj = obj};
    const struct cli_command *cmd = nwords > 0 ? cli_find(words[0]) : NULL;
    if (nwords == 0)
        offer_commands(&x);
    if (!cmd)
        return;
    offer_options(&x, cmd);
    offer_words(&x, cmd->name, nwords == 1);
    if (cmd->words == CLI_SIGNAL_NAMES && nwords == 1)
        offer_signals(&x);
    else if (cmd->words == CLI_NAMES || cmd->words == CLI_SIGNAL_NAMES)
        offer_names(c, &x, false);
    else if (cmd->words == CLI_GROUPS)
        offer_names(c, &x, true);
    else if (cmd->words == CLI_COMMANDS)
        offer_commands(&x);
}

static void print_candidate(void *obj, const char *candidate)
{
    (void)obj;
    puts(candidate);
}

int cmd_complete(struct cli *c, int argc, char **argv)
{
    const char *prefix = argc > 1 ? argv[argc - 1] : "";
    cli_complete(c, argv + 1, argc > 1 ? (size_t)argc - 2 : 0, prefix, print_candidate, NULL);
    return CLI_OK;
}

static bool print_name(void *obj, const struct client_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_RECORD && *reply_text(r, "name"))
        puts(reply_text(r, "name"));
    return true;
}

int cmd_names(struct cli *c, int argc, char **argv)
{
    (void)argc, (void)argv;
    return cli_call(c, "names", NULL, 0, print_name, NULL);
}
