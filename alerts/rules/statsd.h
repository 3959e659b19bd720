/* StatsD's datagrams, as text: `name:value|type[|@rate][|#tags]`, lines separated by newlines. Also
 * DogStatsD's packed values `name:1:2:3|ms` and its fields behind the tags (|c: |T |e:, skipped).
 * No allocation: a sample points into the datagram.
 *
 * Refused, and counted: a name that is empty, too long or has control characters; a value that is
 * no finite number; a negative counter or timer; a rate outside (0, 1]; an unknown type. Sets,
 * events (_e{) and service checks (_sc|) are understood as such, and passed over. */
#ifndef ALERTS_RULES_STATSD_H
#define ALERTS_RULES_STATSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATSD_NAME_MAX 255
#define STATSD_LINE_MAX 8192

enum statsd_type { STATSD_COUNTER, STATSD_GAUGE, STATSD_TIMER };

struct statsd_sample {
    enum statsd_type type;
    const char *name; /* not terminated */
    size_t name_len;
    double value;     /* of a timer: milliseconds (ms, and h and d, which are taken as such) */
    double weight;    /* 1 / rate: so many events does the sample stand for */
    bool relative;    /* a gauge with a sign: it changes by the value */
    const char *tags; /* "a:b,c", not terminated */
    size_t tags_len;
};

struct statsd_counts {
    uint64_t samples; /* passed on */
    uint64_t ignored; /* understood, and not for us */
    uint64_t refused; /* lines, or values of packed ones, that are wrong */
};

typedef void statsd_fn(void *obj, const struct statsd_sample *s);

/* Calls fn for each value in n bytes, and adds to *c. */
void statsd_parse(const char *p, size_t n, struct statsd_counts *c, statsd_fn *fn, void *obj);
/* True if the tags hold that one, "env:prod" or "canary", whole. */
bool statsd_has_tag(const struct statsd_sample *s, const char *tag);

#endif
