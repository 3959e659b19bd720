/* One file's text into sections and keys, by the rules of Python's RawConfigParser as Supervisor
 * sets it up (supervisor-compat, section 2). */
#ifndef CONF_READER_H
#define CONF_READER_H

#include "supervisor/conf/ini.h"
#include "supervisor/conf/msgs.h"

#include <stdbool.h>
#include <stddef.h>

struct reader_opts {
    bool exact; /* refuse what Supervisor refuses although it could be read: a BOM, no UTF-8 */
};

/* Reads text[0..n) of the file into ini; file is kept. What is wrong goes to m, with exact line
 * numbers. Returns false if there was an error. */
bool reader_text(struct ini *ini, struct msgs *m, const char *file, const char *text, size_t n,
                 struct reader_opts opts);

/* Where the comment of a physical line of n bytes starts; n if it has none. */
size_t reader_comment(const char *line, size_t n);

#endif
