/* [probe:N]: the options that all kinds of probes have. */
#ifndef PROBES_JUDGE_PROBE_H
#define PROBES_JUDGE_PROBE_H

#include "supervisor/conf/family.h"

enum probe_target { PROBE_SELF, PROBE_DEPENDENCY };
enum probe_on_fail { PROBE_NOTHING, PROBE_RESTART };

/* Times in nanoseconds. */
struct probe_opts {
    struct opt_set set;
    const char *type;
    int64_t interval, timeout;
    int64_t confirm;      /* after a first failure the next attempts come at this distance */
    int64_t fall, rise;   /* results in a row that change the verdict */
    int64_t start_period; /* failures do not count so long, or until the first success */
    const char *program;  /* NULL: of no program */
    uint8_t target;       /* enum probe_target */
    uint8_t on_fail;      /* enum probe_on_fail */
    int64_t restart_limit, restart_window;
    const char *parent; /* NULL, or the probe whose failure explains this one's */
};

static inline const struct probe_opts *probe_opts(const struct item *it)
{
    return it->common;
}

#endif
