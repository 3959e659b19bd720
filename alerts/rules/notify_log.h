/* type=log: its options. */
#ifndef ALERTS_RULES_NOTIFY_LOG_H
#define ALERTS_RULES_NOTIFY_LOG_H

#include "alerts/rules/notify_net.h"

struct notify_log {
    struct opt_set set;
    bool details;
};

#endif
