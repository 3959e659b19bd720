/* What can be said of a notifier before it is needed, by what will send its messages. */
#ifndef ALERTS_SEND_CHECK_H
#define ALERTS_SEND_CHECK_H

#include "supervisor/conf/family.h"
#include "supervisor/base/err.h"

/* Builds a message and looks at where it would go: URLs that the library cannot read, a command
 * that cannot be run. 0, or -1 and a sentence that begins with the option: "command: ...". Never
 * with a secret. *out_missing: what it misses may still come (a program that is not there yet). */
int send_check(const struct item *notifier, bool *out_missing, struct err *e);

#endif
