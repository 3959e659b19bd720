/* Regular expressions (PCRE2 behind it, with JIT), compiled once, matched within limits. The text
 * may be any bytes; what is not UTF-8 in it matches nothing. A text is first searched for the
 * longest literal that every match must contain, if the expression has one: most lines of most logs
 * end there. */
#ifndef IO_PATTERN_H
#define IO_PATTERN_H

#include "supervisor/base/err.h"

#include <stddef.h>

struct pattern;

/* The caller owns it. NULL and the reason. */
struct pattern *pattern_new(const char *text, struct err *e);
/* 1: found, 0: not, -1: it was given up before it was known: an expression like (a+)+$ may take
 * exponential time, one like \w+\w+\s the square of the text's length. It may take some 10 ms of
 * CPU, and 10 ms more for each megabyte of text. */
int pattern_match(const struct pattern *p, const char *text, size_t n);
void pattern_free(struct pattern **p);
/* The literal that every match contains, "" if none is known; *out_n its length. */
const char *pattern_literal(const struct pattern *p, size_t *out_n);
/* The first place in n bytes where a match may be: of the literal, or the start if there is none;
 * NULL: there is no match in all of it. */
const char *pattern_maybe(const struct pattern *p, const char *text, size_t n);

#endif
