/* A program's stream inside supd-log: its configuration applied, its progress. Everything here
 * wants the lock. */
#ifndef LOGD_STREAM_H
#define LOGD_STREAM_H

#include "supervisor/logd/format.h"
#include "supervisor/logd/logd.h"

#define HISTORY_BYTES 65536u /* kept for `tail` where there is no file */

/* Takes a stream in, with its pipe's read end. */
void stream_add(struct logd *d, uint32_t slot, int fd);
/* Follows the configuration in the shared table. */
void stream_configure(struct logd *d, struct stream *s);
/* Makes its file's sink if that has not been needed so far. */
void stream_sink(struct logd *d, struct stream *s);
/* A process began to write to it: its file is made, or opened anew if it lost its name. */
void stream_run(struct logd *d, struct stream *s);
/* Its sink cannot be used: the last bytes stay in memory instead. */
void stream_to_memory(struct logd *d, struct stream *s);
/* The same, since its AUTO file cannot be made. */
void stream_auto_failed(struct logd *d, struct stream *s);
/* Bytes up to read are there: tells the writers, or gives them up where nobody wants them. */
void stream_has_more(struct logd *d, struct stream *s);
/* A read() began at position from, at that wall clock (ns). */
void stream_was_read(struct stream *s, uint64_t from, int64_t wall);
/* An output got further: frees blocks, answers questions, lets a paused pipe go on. */
void stream_progress(struct logd *d, struct stream *s);
/* Frees the blocks that nobody needs. history: bytes to keep for `tail`. Returns how many. */
uint32_t stream_reclaim(struct logd *d, struct stream *s, uint32_t history, bool all);
/* Frees what is only kept for `tail`. */
void stream_forget(struct logd *d, struct stream *s);
/* Bytes that an output still waits for. */
uint64_t stream_backlog(const struct logd *d, const struct stream *s);
/* Gives up everything that is not written (a closing stream whose sink fails). */
void stream_give_up(struct logd *d, struct stream *s, struct out *o);
/* True once a closing stream has nothing left to write and no write is under way. */
bool stream_released(const struct logd *d, const struct stream *s);
/* Forgets it and answers supd; reader thread only. */
void stream_remove(struct logd *d, struct stream *s);
/* How its lines look in that output: 0, or 1. */
void stream_format(const struct logd *d, const struct stream *s, unsigned which,
                   struct format *out);
/* From now on everything read so far is written, partial lines too. */
void stream_flush(struct logd *d, struct stream *s);

#endif
