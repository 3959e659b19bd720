/* Files for libraries that open them by a path and would wait for the disk (libcurl's and libpq's
 * authorities, certificates and keys): read by threads (files.h) and kept in memory, where the
 * library finds them under another path, /proc/self/fd/N. What has been read once is there even
 * when the disk no longer answers; it is read again in the background when it is a minute old, and
 * a file that changed gets another path, so that a library's own cache sees it as another one. */
#ifndef IO_KEPT_H
#define IO_KEPT_H

#include "supervisor/io/files.h"

#define KEPT_PATHS 3

struct kept;
/* files must outlive it. Never NULL. */
struct kept *kept_new(struct loop *l, struct files *files);
/* Whatever is asked for from now on is read again, in the background if it is there. */
void kept_refresh(struct kept *k);
/* All queries must have been ended. */
void kept_free(struct kept **k);

struct kept_query;
/* Called once, at the end of a turn: all files are there, or error says why one is not ("cannot
 * open /x: No such file or directory"), valid during the call. It may end the query. */
typedef void kept_done_fn(void *obj, const char *error);

/* Asks for the files; paths that are NULL are left out; they are copied. Never NULL; has no timer
 * of its own. */
struct kept_query *kept_start(struct kept *k, const char *const paths[KEPT_PATHS],
                              kept_done_fn *done, void *obj);
/* Where a library finds file number i, after done without an error; valid until kept_end. NULL: it
 * was not asked for. */
const char *kept_path(const struct kept_query *q, size_t i);
/* Something made of a file's content, once for all who use that content; it goes with the content.
 */
struct kept_maker {
    void *(*make)(const char *text, size_t n); /* NULL: it cannot be made of that */
    void (*free)(void *made);
};
/* Of file number i, after done without an error; there may be one maker for a path only. NULL: it
 * was not asked for, or cannot be made. Valid until kept_end. */
void *kept_made(const struct kept_query *q, size_t i, const struct kept_maker *m);
/* The file that it waits for, by its own path; NULL: for none. */
const char *kept_waits(const struct kept_query *q);
/* Ends it without an answer, or frees it after one. NULL is fine. */
void kept_end(struct kept_query **q);

#endif
