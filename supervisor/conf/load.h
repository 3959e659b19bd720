/* Configuration text to a checked generation. Everything here runs in a load child, or in
 * `supd --check` and `--dump-config`: it may allocate, read files and ask NSS, and may be slow. */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <stdbool.h>

struct gen;
struct conf; /* a parsed and checked configuration, in an arena of its own */

/* What Supervisor's version is taken for where we are called supervisord, also by clients. */
#define SUPERVISOR_VERSION "4.2.5"

/* An option of [supervisord] on the command line; it counts in the place of the file's. */
struct conf_word {
    const char *option, *text; /* not expanded */
    char given[24];            /* "-l", as messages name it */
};

struct conf_request {
    const char *path;     /* -c, or NULL: the search path of supervisor-compat 1.1 */
    const char *argv0;    /* the program as it was called; NULL: not searched beside it */
    bool as_supervisord;  /* which name's defaults apply (DESIGN section 6) */
    char *const *environ; /* the environment that ENV_ names and the children see */
    const struct conf_word *words;
    size_t nwords;
    const char *cwd; /* what relative paths are relative to */
    /* Decide as Supervisor 4.2.5 does, also where this program takes more (a byte order mark, plain
     * %% in a log path, unquoted specials in environment=): what --dump-config=json shows. */
    bool exact;
    bool lint;        /* say what Supervisor does with each surprising line */
    const char *text; /* not NULL: the file's content; path is only its name then, and no include is
                         followed */
    size_t text_len;
    const char *node_name;    /* NULL: this host's */
    const struct gen *before; /* what runs, when this is to take its place; else NULL */
    const char *self_dir;     /* supd's own folder, to find supd-agent; NULL: do not ask it */
};

/* Reads, expands, converts and checks the whole configuration. Always returns a conf, which the
 * caller frees; what is wrong is in its error list. */
struct conf *conf_load(const struct conf_request *rq);
void conf_free(struct conf **c);

/* The messages, each "FILE:LINE: text" or just a text; warnings do not fail a load. */
size_t conf_nerrors(const struct conf *c);
const char *conf_error(const struct conf *c, size_t i);
size_t conf_nwarnings(const struct conf *c);
const char *conf_warning(const struct conf *c, size_t i);
/* What --check lists beside errors and warnings: unknown keys and sections, traps. */
size_t conf_nnotes(const struct conf *c);
const char *conf_note(const struct conf *c, size_t i);

/* With lint: a surprising line, what Supervisor does with it, and what is done here. */
size_t conf_ntraps(const struct conf *c);
const char *conf_trap_text(const struct conf *c, size_t i);

/* Canonical text that parses again to the same configuration (every option, defaults included). */
void conf_dump_text(const struct conf *c, struct str *out);
/* The shape of the conformance folders' expect.json. */
void conf_dump_json(const struct conf *c, struct str *out);

/* Writes the generation of a conf without errors into fd (a memfd, empty) and seals it where that
 * is possible. 0, or -1 and the reason. */
int conf_write_gen(const struct conf *c, int fd, struct err *e);
/* Warns of what differs from the generation before, and waits for another start of supd; fd is what
 * conf_write_gen wrote. */
void conf_say_cold(struct conf *c, int fd);

#endif
