/* Turns raw output into what a sink gets: lines with a prefix, JSON lines, text without terminal
 * escapes. Pure: bytes in, bytes out. */
#ifndef LOGD_FORMAT_H
#define LOGD_FORMAT_H

#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_LINE_MAX 65536u /* longer lines are cut into parts */

struct format {
    bool prefix, json, strip;
    bool tag; /* a prefix without the time: "web_01 stdout | "; instead of prefix and json */
    const char *program, *process, *channel; /* channel: "stdout" or "stderr" */
    int64_t wall_ns;                         /* the time that lines get */
};

/* True if each line is put into words of its own. */
bool format_by_lines(const struct format *f);
/* True if the bytes cannot go out as they are. */
bool format_needed(const struct format *f);
/* Appends the output for in[0..n) and returns how many bytes it took. What may be the beginning of
 * something longer stays: a line without its end (prefix, json), an escape sequence cut in two
 * (strip). flush: nothing stays. A part of a line is marked: "+" stands for "|", or
 * "partial":true. */
size_t format_bytes(const struct format *f, const char *in, size_t n, bool flush, struct str *out);
/* "[supd: 12 lines, 345 bytes of web stdout dropped]\n", in the same format. */
void format_dropped(const struct format *f, uint64_t lines, uint64_t bytes, struct str *out);
/* "2026-11-23T18:06:22.542+01:00": local time, RFC 3339. buf: at least 40 bytes; returns buf. */
const char *format_time(int64_t wall_ns, char *buf, size_t size);
/* A JSON string's inside; bytes that are no UTF-8 become U+FFFD. */
void format_json_text(struct str *out, const char *p, size_t n);

#endif
