/* [metric:N]: what is counted, the options of all kinds and of each. */
#ifndef ALERTS_RULES_METRIC_H
#define ALERTS_RULES_METRIC_H

#include "supervisor/conf/family.h"

/* Times in nanoseconds. */
struct metric_opts {
    struct opt_set set;
    const char *type;
    int64_t cell; /* of the finest ring */
};

enum metric_stream { METRIC_BOTH, METRIC_STDOUT, METRIC_STDERR };

/* type=lines: a line that matches `errors` is an error; any other that matches `total` (all, where
 * that is NULL) is a success. So it does not matter whether the lines of errors match `total`. */
struct metric_lines {
    struct opt_set set;
    const char *program;
    const char *total, *errors; /* regular expressions, or NULL */
    uint8_t stream;             /* enum metric_stream */
};

enum metric_exits_of { METRIC_EXITS, METRIC_RESTARTS };

/* type=exits: an unexpected exit is an error. */
struct metric_exits {
    struct opt_set set;
    const char *program;
    uint8_t of; /* enum metric_exits_of */
};

struct metric_probe {
    struct opt_set set;
    const char *probe;
};

/* type=counter: one counter alone (all successes), or two that make a ratio: total and errors, or
 * ok and errors. */
struct metric_counter {
    struct opt_set set;
    const char *counter, *total, *ok, *errors;
    struct str_list tags; /* a sample must have all of them */
};

struct metric_timer {
    struct opt_set set;
    const char *timer;
    int64_t over; /* a longer one is an error; 0: none is */
    struct str_list percentiles, tags;
};

extern const struct kind metric_kind_lines, metric_kind_exits, metric_kind_probe,
    metric_kind_counter, metric_kind_timer;

static inline const struct metric_opts *metric_opts(const struct item *it)
{
    return it->common;
}

/* The metric that an option of an alert names, checked: it exists and its cells are no wider than
 * the window. NULL if it does not exist or no name is given, which is an error then. */
const struct item *check_metric(struct checker *k, const char *name, int64_t window_ns);
/* A warning if nothing of the metric can be an error, as an alert about errors needs it; m may be
 * NULL. instead: what else to write, behind the sentence. */
void check_errors(struct checker *k, const struct item *m, const char *instead);
/* A warning if no StatsD datagram can come in. */
void check_statsd(struct checker *k);
/* An error if a required option has no value; true if it has. */
bool check_required(struct checker *k, const char *option, const char *value);

#endif
