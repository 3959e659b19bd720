/* type=command: its options. */
#ifndef ALERTS_RULES_NOTIFY_COMMAND_H
#define ALERTS_RULES_NOTIFY_COMMAND_H

#include "alerts/rules/notify_net.h"

struct notify_command {
    struct opt_set set;
    const char *command;
};

#endif
