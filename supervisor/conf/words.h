/* The two small lexers of the dialect: command= into arguments, environment= into pairs. */
#ifndef CONF_WORDS_H
#define CONF_WORDS_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Splits a command as Python's shlex.split does (POSIX quoting, no comments). *out_argv in the
 * arena. -1 and "No closing quotation" or "No escaped character". */
int words_split(struct arena *a, const char *text, const char ***out_argv, size_t *out_argc,
                struct err *e);

struct env_pair {
    const char *key, *value;
};
struct env_list {
    struct env_pair *v;
    size_t n;
};

struct env_lex_opts {
    bool exact; /* only what Supervisor's lexer takes */
};

/* Splits KEY=value,KEY2="value 2" (supervisor-compat, section 4). The last of equal keys wins. A
 * dropped part of the text is named in *out_dropped (in the arena; NULL if there is none); an
 * extension over Supervisor's lexer sets *out_extended. */
int words_env(struct arena *a, const char *text, struct env_lex_opts opts, struct env_list *out,
              const char **out_dropped, bool *out_extended, struct err *e);

#endif
