/* Text as Python sees it: what is a blank, a line's indent, an integer, a printed form. The
 * configuration dialect is defined by Python's parser, so its idea of text is the rule. */
#ifndef CONF_PYTEXT_H
#define CONF_PYTEXT_H

#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The bytes of the blank character (str.isspace) that starts at p, or 0. */
size_t py_space_at(const char *p, const char *end);
/* The bytes of the blank character that ends before p, or 0. */
size_t py_space_before(const char *begin, const char *p);
/* str.strip(), str.rstrip() on [*b, *e). */
void py_strip(const char **b, const char **e);
void py_rstrip(const char *b, const char **e);
/* Bytes of the character at p (1 for what is not UTF-8), 0 at the end. */
size_t py_char_len(const char *p, const char *end);
/* Characters, not bytes, in [b, e). */
size_t py_chars(const char *b, const char *e);

enum py_int_result { PY_INT_OK, PY_INT_INVALID, PY_INT_HUGE };
/* int(text, base) for base 8 and 10: blanks around, a sign, single underscores between digits; for
 * base 8 also a 0o prefix. PY_INT_HUGE: a number, but beyond 64 bits; *out_n is then the nearest.
 */
enum py_int_result py_int(const char *text, int base, int64_t *out_n);

/* repr(), or ascii(): 'text' with escapes. */
void py_repr(struct str *out, const char *text, bool ascii);
/* The text as a JSON string with its quotes. */
void py_json(struct str *out, const char *text);
/* str.lower() and str.upper() for ASCII letters, in place. */
void py_lower(char *s);
void py_upper(char *s);

#endif
