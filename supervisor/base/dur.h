/* Durations and sizes as text: "90s", "1h30m", "250ms"; "50MB". */
#ifndef BASE_DUR_H
#define BASE_DUR_H

#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"

#include <stddef.h>

/* Parses a duration: one or more numbers (a fraction is allowed) each with a unit out of ns us ms s
 * m h d w, in falling order, or a bare number, which means seconds. Blanks around are ignored.
 * Returns 0 and *out_d, or -1 and the reason. */
int dur_parse(const char *text, dur_t *out_d, struct err *e);
/* Prints a duration so that dur_parse gives the same back: "0s", "250ms", "1h30m". buf of at least
 * DUR_TEXT bytes; returns buf. */
#define DUR_TEXT 48
const char *dur_format(dur_t d, char *buf, size_t size);
/* Prints a duration for people, in its two largest units: "3d4h", "1m12s", "0.8s". */
const char *dur_human(dur_t d, char *buf, size_t size);
/* The same for what a computer does: below ten seconds with milliseconds, "0.4ms", "12ms", "1.25s".
 */
const char *dur_brief(dur_t d, char *buf, size_t size);

#endif
