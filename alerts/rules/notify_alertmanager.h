/* type=alertmanager: its options. */
#ifndef ALERTS_RULES_NOTIFY_ALERTMANAGER_H
#define ALERTS_RULES_NOTIFY_ALERTMANAGER_H

#include "alerts/rules/notify_net.h"

struct notify_alertmanager {
    struct opt_set set;
    struct str_list urls;
    const char *user, *password, *password_file, *bearer, *bearer_file;
    struct notify_net net;
};

#endif
