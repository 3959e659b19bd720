/* type=webhook: its options. */
#ifndef ALERTS_RULES_NOTIFY_WEBHOOK_H
#define ALERTS_RULES_NOTIFY_WEBHOOK_H

#include "alerts/rules/notify_net.h"

struct notify_webhook {
    struct opt_set set;
    const char *url, *url_file, *headers, *headers_file;
    const char *secret, *secret_file; /* one a line, the newest first; NULL: unsigned */
    const char *user, *password, *password_file, *bearer, *bearer_file;
    struct notify_net net;
};

#endif
