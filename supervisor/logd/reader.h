/* The reading thread: takes what pipes hold into blocks, and obeys supd. It never touches a file.
 */
#ifndef LOGD_READER_H
#define LOGD_READER_H

#include "supervisor/logd/logd.h"

/* Watches the channel, the poke and the pipes added so far. 0, or -1 with errno. */
int reader_init(struct logd *d);
/* Watches a stream's pipe. */
int reader_watch(struct logd *d, struct stream *s);
void reader_unwatch(struct logd *d, struct stream *s);
/* Reads on after a pause; with the lock. */
void reader_resume(struct logd *d, struct stream *s);
/* Watches the socket of a tap (enum logshm_tap_of) until it takes more, or stops that. */
void reader_watch_tap(struct logd *d, uint32_t which, int fd, bool on);
/* The pipe of a closing stream is read no more; what was read is written, the last line, too. With
 * the lock. */
void reader_close(struct logd *d, struct stream *s);
/* Wakes the reader: there is something to release or to answer. */
void reader_poke(struct logd *d);
/* True if no pipe holds anything. */
bool reader_is_dry(const struct logd *d);
/* Reads what the pipe holds now, without the lock. Returns the bytes that are still in it, for want
 * of room. */
size_t reader_empty(struct logd *d, struct stream *s);
/* Runs until supd is gone and everything is written. */
void reader_run(struct logd *d);

#endif
