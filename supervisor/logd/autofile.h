/* AUTO log files of earlier runs (supervisor-compat, section 12.4). */
#ifndef LOGD_AUTOFILE_H
#define LOGD_AUTOFILE_H

#include <stdbool.h>

struct logd;
struct stream;

/* True for ".+?---<identifier>-\S+\.log\.?\d{0,4}", the whole name, and for the same with ".gz". */
bool autofile_matches(const char *name, const char *identifier);
/* Once in supd's life: deletes those in the AUTO folder that no stream of ours uses; without the
 * lock. */
void autofile_clean(struct logd *d);
/* Has the stream's empty AUTO file created by a thread of its own, with the lock. False: there is
 * none. What goes wrong later shows in the stream: its last bytes stay in memory. */
bool autofile_want(struct logd *d, struct stream *s);

#endif
