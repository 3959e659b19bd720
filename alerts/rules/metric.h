/* [metric:N]: the options that all kinds have. */
#ifndef ALERTS_RULES_METRIC_H
#define ALERTS_RULES_METRIC_H

#include "supervisor/conf/family.h"

struct metric_opts {
    struct opt_set set;
    const char *type;
};

#endif
