/* type=pagerduty: its options. */
#ifndef ALERTS_RULES_NOTIFY_PAGERDUTY_H
#define ALERTS_RULES_NOTIFY_PAGERDUTY_H

#include "alerts/rules/notify_net.h"

enum { PAGERDUTY_US, PAGERDUTY_EU }; /* region= */

struct notify_pagerduty {
    struct opt_set set;
    const char *routing_key, *routing_key_file;
    uint8_t region;
    const char *url; /* NULL: the region's */
    struct notify_net net;
};

#endif
