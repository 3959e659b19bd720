/* A line typed on a terminal. */
#include "supervisor/cli/editor.h"
#include "supervisor/base/mem.h"

#include <histedit.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <wchar.h>

struct editor {
    struct editor_opts o;
    EditLine *el;
    History *history;
    Tokenizer *tok;
};

static char *prompt(EditLine *el)
{
    struct editor *e = NULL;
    el_get(el, EL_CLIENTDATA, &e);
    return (char *)(uintptr_t)e->o.prompt;
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
    struct editor *e = NULL;
    struct candidates v = {0};
    const char **words;
    int n = 0, cursor_word = 0, cursor_at = 0;
    el_get(el, EL_CLIENTDATA, &e);
    const LineInfo *li = el_line(el);
    tok_reset(e->tok);
    if (tok_line(e->tok, li, &n, &words, &cursor_word, &cursor_at) != 0)
        return CC_ERROR;
    char prefix[1024] = "";
    if (cursor_word < n)
        snprintf(prefix, sizeof(prefix), "%.*s", cursor_at, words[cursor_word]);
    e->o.complete(e->o.obj, (char *const *)(uintptr_t)words, (size_t)cursor_word, prefix, keep, &v);
    unsigned char r = insert(el, &v, strlen(prefix));
    for (size_t i = 0; i < v.n; i++)
        free(v.words[i]);
    free(v.words);
    return r;
}

/* ---- history ---- */

void editor_remember(struct editor *e, const char *line)
{
    HistEvent ev;
    history(e->history, &ev, H_ENTER, line);
}

void editor_load(struct editor *e, const char *path)
{
    HistEvent ev;
    history(e->history, &ev, H_LOAD, path);
}

void editor_save(struct editor *e, const char *path)
{
    HistEvent ev;
    mode_t old = umask(077);
    history(e->history, &ev, H_SAVE, path);
    umask(old);
}

void editor_load_plain(struct editor *e, const char *path)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    while (getline(&line, &cap, f) > 0)
        editor_remember(e, line);
    free(line);
    fclose(f);
}

void editor_save_plain(struct editor *e, const char *path)
{
    HistEvent ev;
    mode_t old = umask(077);
    FILE *f = fopen(path, "we");
    umask(old);
    if (!f)
        return;
    for (int r = history(e->history, &ev, H_LAST); r != -1; r = history(e->history, &ev, H_PREV))
        fprintf(f, "%.*s\n", (int)strcspn(ev.str, "\n"), ev.str);
    fclose(f);
}

/* ---- life ---- */

struct editor *editor_new(const struct editor_opts *o)
{
    struct editor *e = mem_zalloc(sizeof(*e));
    HistEvent ev;
    e->o = *o;
    e->tok = tok_init(NULL);
    e->history = history_init();
    e->el = el_init(o->program, stdin, stdout, stderr);
    if (!e->tok || !e->history || !e->el)
        mem_die();
    history(e->history, &ev, H_SETSIZE, o->history_max);
    history(e->history, &ev, H_SETUNIQUE, o->history_unique);
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_PROMPT, prompt);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_SIGNAL, o->handle_signals);
    el_set(e->el, EL_HIST, history, e->history);
    el_wset(e->el, EL_ADDFN, L"supd-complete", L"Complete the word", complete); /* el_set leaks */
    el_set(e->el, EL_BIND, "^I", "supd-complete", NULL);
    el_source(e->el, NULL);
    return e;
}

void editor_free(struct editor **e)
{
    if (!*e)
        return;
    el_end((*e)->el);
    tok_end((*e)->tok);
    history_end((*e)->history);
    free(*e);
    *e = NULL;
}

const char *editor_line(struct editor *e)
{
    int n = 0;
    const char *line = el_gets(e->el, &n);
    return n > 0 ? line : NULL;
}
