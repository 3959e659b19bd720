/* A line typed on a terminal: editing, history and completion by libedit. */
#ifndef CLI_EDITOR_H
#define CLI_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

typedef void editor_candidate_fn(void *sink, const char *candidate);

struct editor_opts {
    const char *program; /* as ~/.editrc names it */
    const char *prompt;  /* kept */
    int history_max;     /* lines */
    bool history_unique; /* no line twice */
    bool handle_signals; /* libedit keeps the terminal in order when one comes */
    /* Calls fn for each candidate of the word that begins with prefix, behind the other words. */
    void (*complete)(void *obj, char *const *words, size_t nwords, const char *prefix,
                     editor_candidate_fn *fn, void *sink);
    void *obj;
};

struct editor;

/* Opens it on standard input and output; never NULL. */
struct editor *editor_new(const struct editor_opts *o);
/* Leaves the terminal as it was. */
void editor_free(struct editor **e);
/* The next line with its newline, valid until the next call; NULL at the end, or when a signal came
 * that has a handler. */
const char *editor_line(struct editor *e);

/* The history: a line of it; a file in libedit's own form; a plain one, a line each, as readline
 * writes it. Files that are not there, or cannot be written, are passed over. */
void editor_remember(struct editor *e, const char *line);
void editor_load(struct editor *e, const char *path);
void editor_save(struct editor *e, const char *path);
void editor_load_plain(struct editor *e, const char *path);
void editor_save_plain(struct editor *e, const char *path);

#endif
