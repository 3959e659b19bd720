/* [notify:N]: the options that all kinds have. */
#ifndef ALERTS_RULES_NOTIFY_H
#define ALERTS_RULES_NOTIFY_H

#include "supervisor/conf/family.h"

struct notify_opts {
    struct opt_set set;
    const char *type;
};

#endif
