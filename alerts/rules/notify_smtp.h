/* type=smtp: its options. */
#ifndef ALERTS_RULES_NOTIFY_SMTP_H
#define ALERTS_RULES_NOTIFY_SMTP_H

#include "alerts/rules/notify_net.h"

enum { SMTP_STARTTLS_REQUIRED, SMTP_STARTTLS_OFFERED, SMTP_STARTTLS_NEVER }; /* starttls= */

struct notify_smtp {
    struct opt_set set;
    const char *url, *from;
    struct str_list to;
    uint8_t starttls;
    const char *user, *password, *password_file;
    struct notify_net net;
};

/* The address in "Name <address>" or "address": its place and length in text; NULL if that is no
 * address that we would put into a mail. */
const char *smtp_address(const char *text, size_t *out_len);

#endif
