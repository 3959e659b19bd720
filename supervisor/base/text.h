/* Text work that several layers need: numbers, escapes, globs, suggestions, signal names. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Parses a whole decimal number (an optional sign, then digits, nothing else) between lo and hi.
 * Returns 0 and *out_n, or -1 and the reason. */
int text_int(const char *text, int64_t lo, int64_t hi, int64_t *out_n, struct err *e);

/* Appends n bytes with the control protocol's escapes: \\ \n \t, and \xNN for other bytes below
 * 0x20, for 0x7f, and, with blanks, for the blank; the rest, UTF-8 included, goes as it is. */
void text_escape(struct str *out, const char *p, size_t n, bool blanks);
/* Undoes text_escape in place; returns the new length, or -1 for a bad escape. */
int64_t text_unescape(char *p, size_t n);

/* Shell glob over the whole text: * ? [a-z] [!a-z] and \ to quote; no special dot or slash. */
bool text_glob(const char *pattern, const char *text);
/* True if the text holds any of * ? [ */
bool text_has_glob(const char *text);

/* The number of single-character edits (insert, delete, replace, swap of neighbours) from a to b,
 * counted up to limit; limit + 1 means more than that. Case is ignored. Texts of more than 64 bytes
 * are taken as far apart. */
unsigned text_distance(const char *a, const char *b, unsigned limit);

/* Length of the longest prefix of p[0..n) that is valid UTF-8. */
size_t text_utf8_valid(const char *p, size_t n);
/* Appends p[0..n) to out: put appends each run of valid UTF-8, and U+FFFD stands for every byte
 * that belongs to none. */
typedef void text_put_fn(struct str *out, const char *p, size_t n);
void text_put_utf8(struct str *out, const char *p, size_t n, text_put_fn *put);

/* "SIGTERM" for 15, "SIGRTMIN+3" for 37, "signal 70" for what has no name. buf: at least 24. */
const char *text_signal_name(int sig, char *buf, size_t size);
/* A number or a name with or without SIG, any case, RTMIN+N included; -1 if it is neither. */
int text_signal_number(const char *text);

#endif
