/* Regular expressions: PCRE2 with JIT, on bytes, bounded. A text is first searched for the longest
 * literal that every match must contain, if the expression has one; most lines of most logs end
 * there. A match that costs too much (limits on steps and depth: a pattern like (a+)+$ may take
 * exponential time) counts as none, and is counted. */
#ifndef IO_PATTERN_H
#define IO_PATTERN_H

#include "supervisor/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;

/* The caller owns it. NULL and the reason, with the offset in the text, if it does not compile. */
struct pattern *pattern_new(const char *text, struct err *e);
void pattern_free(struct pattern **p);
/* True if it matches somewhere in n bytes, which need not be UTF-8. */
bool pattern_match(struct pattern *p, const char *text, size_t n);
/* The literal that every match contains, "" if none is known; *out_n its length. */
const char *pattern_literal(const struct pattern *p, size_t *out_n);
/* The first place in n bytes where a match may be: of the literal, or the start if there is none;
 * NULL: there is no match in all of it. */
const char *pattern_maybe(const struct pattern *p, const char *text, size_t n);
/* Matches that were given up so far. */
uint64_t pattern_given_up(const struct pattern *p);

#endif
