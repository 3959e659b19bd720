/* The syslog socket, spoken by hand: the C library's syslog() would block. */
#ifndef LOGD_SYSLOG_H
#define LOGD_SYSLOG_H

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <stdint.h>

#define SYSLOG_LINE_MAX 8192u

/* Connects to /dev/log. 0 and *out_fd (non-blocking), or -1 and the reason. */
int syslog_open(int *out_fd, struct err *e);
/* Appends "<14>Nov 23 18:06:22 ident: NAME line": LOG_USER, LOG_INFO, local time. The line is cut
 * at SYSLOG_LINE_MAX. */
void syslog_format(struct str *out, const char *ident, const char *name, int64_t wall_ns,
                   const char *line, size_t n);

#endif
