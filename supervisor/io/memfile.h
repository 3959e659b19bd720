/* Files for libraries that open them by a path and would wait for the disk (libcurl's and libpq's
 * authorities, certificates and keys): read by threads (files.h) and kept in memory, where the
 * library finds them under another path, /proc/self/fd/N. What has been read once is there even
 * when the disk no longer answers; it is read again in the background when it is a minute old, and
 * a file that changed gets another path, so that a library's own cache sees it as another one. */
#ifndef IO_MEMFILE_H
#define IO_MEMFILE_H

#include "supervisor/io/files.h"

#define MEMFILE_PATHS 3

struct memfiles;
/* files must outlive it. Never NULL. */
struct memfiles *memfile_new(struct loop *l, struct files *files);
/* Whatever is asked for from now on is read again, in the background if it is there. */
void memfile_refresh(struct memfiles *k);
/* All queries must have been ended. */
void memfile_free(struct memfiles **k);

struct memfile_query;
/* Called once, at the end of a turn: all files are there, or error says why one is not ("cannot
 * open /x: No such file or directory"), valid during the call. It may end the query. */
typedef void memfile_done_fn(void *obj, const char *error);

/* Asks for the files; paths that are NULL are left out; they are copied. Never NULL; has no timer
 * of its own. */
struct memfile_query *memfile_start(struct memfiles *k, const char *const paths[MEMFILE_PATHS],
                                    memfile_done_fn *done, void *obj);
/* Where a library finds file number i, after done without an error; valid until memfile_end. NULL:
 * it was not asked for. */
const char *memfile_path(const struct memfile_query *q, size_t i);
/* Something made of a file's content, once for all who use that content; it goes with the content.
 */
struct memfile_maker {
    void *(*make)(const char *text, size_t n); /* NULL: it cannot be made of that */
    void (*free)(void *made);
};
/* Of file number i, after done without an error; there may be one maker for a path only. NULL: it
 * was not asked for, or cannot be made. Valid until memfile_end. */
void *memfile_made(const struct memfile_query *q, size_t i, const struct memfile_maker *m);
/* The file that it waits for, by its own path; NULL: for none. */
const char *memfile_waits(const struct memfile_query *q);
/* Ends it without an answer, or frees it after one. NULL is fine. */
void memfile_end(struct memfile_query **q);

#endif
