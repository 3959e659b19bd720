/* AUTO log files of earlier runs (supervisor-compat, section 12.4). */
#ifndef LOGD_AUTOFILE_H
#define LOGD_AUTOFILE_H

#include <stdbool.h>

struct logd;

/* True for ".+?---<identifier>-\S+\.log\.?\d{0,4}", the whole name, and for the same with ".gz". */
bool autofile_matches(const char *name, const char *identifier);
/* Deletes those in the AUTO folder that no stream of ours uses; without the lock. */
void autofile_clean(struct logd *d);

#endif
