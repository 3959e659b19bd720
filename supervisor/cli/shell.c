/* The interactive shell: each command in a process of its own, so that Ctrl-C ends the command and
 * not the shell. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/editor.h"

#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HISTORY_MAX 500

struct shell {
    struct cli *cli;
    struct editor *editor; /* NULL: lines from a pipe or a file */
    Tokenizer *tok;
};

/* ---- commands ---- */

static int run_in_child(struct shell *sh, int argc, char **argv)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        cli_complain("cannot start a process: %s", strerror(errno));
        return CLI_FAILED;
    }
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        int exit = cli_run(sh->cli, argc, argv);
        fflush(stdout);
        _exit(exit);
    }
    while (waitpid(pid, &status, 0) < 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

static bool is_end(const char *word)
{
    return strcmp(word, "quit") == 0 || strcmp(word, "exit") == 0;
}

/* runs one line, unless it is a comment; false at its end */
static bool run_line(struct shell *sh, const char *line, int *exit)
{
    const char **words;
    int n = 0;
    if (line[strspn(line, " \t")] == '#')
        return true;
    tok_reset(sh->tok);
    if (tok_str(sh->tok, line, &n, &words) != 0) {
        cli_complain("a quote is not closed");
        *exit = CLI_USAGE;
        return true;
    }
    if (n == 0)
        return true;
    if (sh->editor)
        editor_remember(sh->editor, line);
    if (is_end(words[0]))
        return false;
    *exit = run_in_child(sh, n, (char **)(uintptr_t)words);
    return true;
}

/* ---- life ---- */

static void complete(void *obj, char *const *words, size_t nwords, const char *prefix,
                     editor_candidate_fn *fn, void *sink)
{
    cli_complete(obj, words, nwords, prefix, fn, sink);
}

/* where the history is kept; "" for nowhere */
static void history_file(char *buf, size_t size)
{
    const char *home = getenv("HOME");
    if (!home || home[0] != '/')
        buf[0] = '\0';
    else
        snprintf(buf, size, "%s/.supctl_history", home);
}

/* lines from a pipe or a file: no editing, no prompt */
static int plain_shell(struct shell *sh)
{
    char *line = NULL;
    size_t cap = 0;
    int exit = CLI_OK;
    while (getline(&line, &cap, stdin) > 0 && run_line(sh, line, &exit))
        ;
    free(line);
    return exit;
}

static int edited_shell(struct shell *sh)
{
    int exit = CLI_OK;
    char file[4096], *argv[] = {(char *)(uintptr_t) "status", NULL};
    const char *line;
    sh->editor = editor_new(&(struct editor_opts){.program = "supctl",
                                                  .prompt = "supd> ",
                                                  .history_max = HISTORY_MAX,
                                                  .history_unique = true,
                                                  .handle_signals = true,
                                                  .complete = complete,
                                                  .obj = sh->cli});
    history_file(file, sizeof(file));
    if (*file)
        editor_load(sh->editor, file);
    run_in_child(sh, 1, argv);
    signal(SIGINT, SIG_IGN);
    while ((line = editor_line(sh->editor)) && run_line(sh, line, &exit))
        ;
    if (*file)
        editor_save(sh->editor, file);
    editor_free(&sh->editor);
    return exit;
}

int cli_shell(struct cli *c)
{
    struct shell sh = {.cli = c, .tok = tok_init(NULL)};
    int exit = isatty(STDIN_FILENO) ? edited_shell(&sh) : plain_shell(&sh);
    tok_end(sh.tok);
    return exit;
}
