/* type=slack: its options. */
#ifndef ALERTS_RULES_NOTIFY_SLACK_H
#define ALERTS_RULES_NOTIFY_SLACK_H

#include "alerts/rules/notify_net.h"

struct notify_slack {
    struct opt_set set;
    const char *url, *url_file;
    struct notify_net net;
};

#endif
