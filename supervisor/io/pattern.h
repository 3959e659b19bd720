/* Regular expressions (PCRE2 behind it), compiled once, matched within limits. */
#ifndef IO_PATTERN_H
#define IO_PATTERN_H

#include "supervisor/base/err.h"

#include <stddef.h>

struct pattern;

/* NULL and the reason. */
struct pattern *pattern_new(const char *text, struct err *e);
/* 1: found, 0: not, -1: the limits were reached before it was known */
int pattern_match(const struct pattern *p, const char *text, size_t n);
void pattern_free(struct pattern **p);

#endif
