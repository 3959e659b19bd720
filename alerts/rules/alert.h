/* [alert:N]: the options that all kinds have. */
#ifndef ALERTS_RULES_ALERT_H
#define ALERTS_RULES_ALERT_H

#include "supervisor/conf/family.h"

struct alert_opts {
    struct opt_set set;
    const char *type;
};

#endif
