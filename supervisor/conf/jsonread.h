/* A JSON text as a tree in an arena: for the one file in that form which PID 1's load child reads,
 * so that it needs no library. */
#ifndef CONF_JSONREAD_H
#define CONF_JSONREAD_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT };

struct json {
    enum json_kind kind;
    unsigned line;     /* where it begins */
    const char *key;   /* of a member of an object */
    const char *text;  /* JSON_TEXT: what it says; JSON_NUMBER: as written */
    struct json *next; /* in the list or object that it is in */
    struct json *first;
};

/* The value that n bytes of text (a NUL behind them) hold; NULL with the line and the reason. At
 * most 32 levels deep; \u0000 is refused. */
const struct json *json_read(struct arena *a, const char *text, size_t n, unsigned *out_line,
                             struct err *e);
/* The member of an object; NULL if there is none, or it is null, or v is no object. */
const struct json *json_get(const struct json *v, const char *key);
/* The member's text, or NULL. */
const char *json_text_of(const struct json *v, const char *key);
/* A whole number that is not negative; false if v is another value. */
bool json_uint(const struct json *v, uint64_t *out);

#endif
