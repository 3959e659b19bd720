/* Metrics as text for Prometheus (text format 0.0.4): families with their help and type, samples
 * with labels. Pure; what it writes passes `promtool check metrics`. */
#ifndef CORE_EXPO_H
#define CORE_EXPO_H

#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define EXPO_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum expo_type { EXPO_COUNTER, EXPO_GAUGE, EXPO_SUMMARY, EXPO_HISTOGRAM };

struct expo {
    struct str *out;
    const char *family;
    bool labelled; /* the sample has a label already */
};

/* Begins a family: all its samples follow before the next one begins, each family once. name:
 * [a-z_]+, a counter's ends in _total; help: one sentence. */
void expo_family(struct expo *x, const char *name, enum expo_type type, const char *help);
/* One sample: begin, labels, then the value. suffix: "" or "_sum", "_count", "_bucket". */
void expo_begin(struct expo *x, const char *suffix);
/* Bytes that are no UTF-8 become U+FFFD. */
void expo_label(struct expo *x, const char *name, const char *value);
void expo_value(struct expo *x, double v);
void expo_int(struct expo *x, int64_t v);

#endif
