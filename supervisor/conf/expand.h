/* Python's % formatting of a mapping: "%(program_name)s_%(process_num)02d". */
#ifndef CONF_EXPAND_H
#define CONF_EXPAND_H

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"

#include <stdbool.h>
#include <stdint.h>

/* A name that a format may use. */
struct name {
    const char *key;
    const char *text; /* NULL: a number */
    int64_t number;
    bool keep; /* in a kept form (below) this name stays unexpanded */
};

/* The names of one place, in the order of Python's dictionary: a shared base (the environment) and
 * a few of its own, which win. */
struct names {
    const struct names *base; /* or NULL */
    VEC(struct name) own;
    VEC(uint32_t) index; /* own, sorted by key; empty: not indexed, own is searched in order */
};

void names_init(struct names *n, const struct names *base);
void names_fini(struct names *n);
/* Sets a name to a text or a number, in its old place if it has one; the strings are kept, not
 * copied. */
void names_text(struct names *n, const char *key, const char *text);
void names_number(struct names *n, const char *key, int64_t number);
/* Adds a name that is not there yet, without looking. */
void names_add(struct names *n, struct name name);
/* Makes lookups fast; names set after it are found, too. */
void names_index(struct names *n);
/* NULL if there is none, here or in the base. */
const struct name *names_find(const struct names *n, const char *key, size_t len);

struct expand_opts {
    bool exact; /* a bare %s prints the whole mapping, as Python does; otherwise it is an error */
    bool kept;  /* the result is a format again: names marked keep stay, a % becomes %% */
    bool own_first; /* exact: print the mapping with its own names before the base's */
};

/* Appends the expansion of the format to out. 0, or -1 and the reason, which names what ("format
 * string 'V' for 'program:x.command' ..."). */
int expand(struct str *out, const char *format, const char *what, const struct names *names,
           struct expand_opts opts, struct err *e);

#endif
