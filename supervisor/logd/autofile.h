/* AUTO log files of earlier runs (supervisor-compat, section 12.4), and files that are there before
 * anything is written to them. */
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
/* Has the stream's empty file created by a thread of its own, with the lock. False: there is none.
 * What goes wrong later shows in the stream if it is an AUTO file: its last bytes stay in memory.
 */
bool autofile_want(struct logd *d, struct stream *s);
/* True while files are to be created. A thread that hangs on a dead mount is given up and another
 * one takes the others over; with the lock. */
bool autofile_relieve(struct logd *d);

#endif
