/* What an alert is called outside: a key that is the same for the same problem whatever its value,
 * severity or time, and after every restart. Services that open and close incidents by it
 * (PagerDuty's dedup_key, Opsgenie's alias) get it as it is. */
#ifndef ALERTS_RULES_KEY_H
#define ALERTS_RULES_KEY_H

#include "supervisor/conf/value.h"

#define ALERT_KEY 65 /* bytes with the NUL */

/* What makes a problem itself; NULL is as good as "". */
struct key_parts {
    const char *scope;    /* what tells this supervisor's alerts from another's: the host's name */
    const char *name;     /* of [alert:N] */
    const char *instance; /* which of several: a certificate, a queue; not a stage or severity */
    const struct str_list *labels; /* in any order */
};

/* Writes "NAME-0123456789abcdef", printable without blanks, at most 64 bytes; returns out. */
const char *alert_key(const struct key_parts *p, char out[ALERT_KEY]);

#endif
