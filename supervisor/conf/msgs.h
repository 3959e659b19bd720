/* What a load has to say: errors, warnings, notes, each a sentence with its place. */
#ifndef CONF_MSGS_H
#define CONF_MSGS_H

#include "supervisor/base/arena.h"
#include "supervisor/base/vec.h"
#include "supervisor/conf/ini.h"

#include <stdarg.h>
#include <stdbool.h>

enum msg_kind { MSG_ERROR, MSG_WARNING, MSG_NOTE, MSG_INFO, MSG_TRAP, MSG_KINDS };

struct msg {
    const char *text; /* with its place */
    struct pos at;
    size_t number; /* in the order of finding */
};

struct msgs {
    struct arena *a;
    VEC(struct msg) list[MSG_KINDS];
    VEC(const char *) files; /* in the order of reading */
};

void msgs_init(struct msgs *m, struct arena *a);
void msgs_fini(struct msgs *m);
/* A file is read from here on; the text is kept by the caller. */
void msgs_file(struct msgs *m, const char *file);
/* Puts the messages of each kind into the order of their places: those without one, then file by
 * file as they were read, line by line; of one line in the order of finding. What was said twice is
 * left once. */
void msgs_sort(struct msgs *m);
/* True when something is wrong with that line. */
bool msgs_error_at(const struct msgs *m, struct pos at);
/* True when no more messages of the kind are kept, so that there is no use in making one. */
bool msgs_full(const struct msgs *m, enum msg_kind kind);
/* Adds "FILE:LINE: text" ("text" for a place without a file). */
void msgs_add(struct msgs *m, enum msg_kind kind, struct pos at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void msgs_vadd(struct msgs *m, enum msg_kind kind, struct pos at, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

#endif
