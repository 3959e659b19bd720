/* The interactive shell: history and completion by libedit; each command in a process of its own,
 * so that Ctrl-C ends the command and not the shell. */
#include "supervisor/base/mem.h"
#include "supervisor/cli/cmd.h"

#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_MAX 500

struct shell {
    struct cli *cli;
    EditLine *el;
    History *history;
    Tokenizer *tok;
    char history_file[4096]; /* "": none */
};

static char *prompt(EditLine *el)
{
    (void)el;
    static char text[] = "supd> ";
    return text;
}

/* ---- completion ---- */

struct candidates {
    char **words;
    size_t n;
};

static void keep(void *obj, const char *word)
{
    struct candidates *v = obj;
    v->words = mem_realloc(v->words, (v->n + 1) * sizeof(*v->words));
    v->words[v->n++] = mem_strdup(word);
}

static size_t common_length(const struct candidates *v)
{
    size_t n = strlen(v->words[0]);
    for (size_t i = 1; i < v->n; i++) {
        size_t k = 0;
        while (k < n && v->words[i][k] == v->words[0][k])
            k++;
        n = k;
    }
    return n;
}

static void list(const struct candidates *v)
{
    putchar('\n');
    for (size_t i = 0; i < v->n; i++)
        printf("%s%s", v->words[i], i + 1 < v->n ? "  " : "\n");
    fflush(stdout);
}

/* puts what all candidates share behind the cursor; what the editor has to do then */
static unsigned char insert(EditLine *el, const struct candidates *v, size_t typed)
{
    if (v->n == 0)
        return CC_ERROR;
    size_t n = common_length(v);
    char *more = strndup(v->words[0] + typed, n - typed);
    if (!more)
        return CC_ERROR;
    el_insertstr(el, more);
    free(more);
    if (v->n == 1)
        el_insertstr(el, " ");
    if (v->n == 1 || n > typed)
        return CC_REFRESH;
    list(v);
    return CC_REDISPLAY;
}

static unsigned char complete(EditLine *el, wint_t ch)
{
    (void)ch;
    struct shell *sh = NULL;
    struct candidates v = {0};
    const char **words;
    int n = 0, cursor_word = 0, cursor_at = 0;
    el_get(el, EL_CLIENTDATA, &sh);
    const LineInfo *li = el_line(el);
    tok_reset(sh->tok);
    if (tok_line(sh->tok, li, &n, &words, &cursor_word, &cursor_at) != 0)
        return CC_ERROR;
    char prefix[1024] = "";
    if (cursor_word < n)
        snprintf(prefix, sizeof(prefix), "%.*s", cursor_at, words[cursor_word]);
    cli_complete(sh->cli, (char *const *)(uintptr_t)words, (size_t)cursor_word, prefix, keep, &v);
    unsigned char r = insert(el, &v, strlen(prefix));
    for (size_t i = 0; i < v.n; i++)
        free(v.words[i]);
    free(v.words);
    return r;
}

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

/* runs one line; false at its end */
static bool run_line(struct shell *sh, const char *line, int *exit)
{
    const char **words;
    int n = 0;
    HistEvent ev;
    tok_reset(sh->tok);
    if (tok_str(sh->tok, line, &n, &words) != 0) {
        cli_complain("a quote is not closed");
        return true;
    }
    if (n == 0)
        return true;
    history(sh->history, &ev, H_ENTER, line);
    if (is_end(words[0]))
        return false;
    *exit = run_in_child(sh, n, (char **)(uintptr_t)words);
    return true;
}

/* ---- life ---- */

static void load_history(struct shell *sh)
{
    HistEvent ev;
    const char *home = getenv("HOME");
    sh->history = history_init();
    history(sh->history, &ev, H_SETSIZE, HISTORY_MAX);
    history(sh->history, &ev, H_SETUNIQUE, 1);
    if (!home || home[0] != '/')
        return;
    snprintf(sh->history_file, sizeof(sh->history_file), "%s/.supctl_history", home);
    history(sh->history, &ev, H_LOAD, sh->history_file);
}

static void save_history(struct shell *sh)
{
    HistEvent ev;
    if (!sh->history_file[0])
        return;
    mode_t old = umask(077);
    history(sh->history, &ev, H_SAVE, sh->history_file);
    umask(old);
}

static void open_editor(struct shell *sh)
{
    sh->el = el_init("supctl", stdin, stdout, stderr);
    if (!sh->el)
        mem_die();
    el_set(sh->el, EL_PROMPT, prompt);
    el_set(sh->el, EL_EDITOR, "emacs");
    el_set(sh->el, EL_SIGNAL, 1);
    el_set(sh->el, EL_HIST, history, sh->history);
    el_set(sh->el, EL_CLIENTDATA, sh);
    el_wset(sh->el, EL_ADDFN, L"supd-complete", L"Complete the word", complete); /* el_set leaks */
    el_set(sh->el, EL_BIND, "^I", "supd-complete", NULL);
    el_source(sh->el, NULL);
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
    int n, exit = CLI_OK;
    const char *line;
    char *argv[] = {(char *)(uintptr_t) "status", NULL};
    open_editor(sh);
    run_in_child(sh, 1, argv);
    signal(SIGINT, SIG_IGN);
    while ((line = el_gets(sh->el, &n)) && n > 0)
        if (!run_line(sh, line, &exit))
            break;
    el_end(sh->el);
    save_history(sh);
    return exit == CLI_OK ? CLI_OK : exit;
}

int cli_shell(struct cli *c)
{
    struct shell sh = {.cli = c, .tok = tok_init(NULL)};
    load_history(&sh);
    int exit = isatty(STDIN_FILENO) ? edited_shell(&sh) : plain_shell(&sh);
    tok_end(sh.tok);
    history_end(sh.history);
    return exit;
}
