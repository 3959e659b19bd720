/* Small files read by threads, so that a disk or a network mount that does not answer holds up the
 * one who asked for its file and nobody else. O_NONBLOCK does not help there: it is ignored for
 * regular files, and open() itself hangs. A read that hangs keeps its thread. While it does,
 * whoever else wants the same file is refused at once, so that one dead mount costs one thread a
 * file, however often it is asked for; there are at most FILES_THREADS, and while all are busy, or
 * hang, later requests wait for one. */
#ifndef IO_FILES_H
#define IO_FILES_H

#include "supervisor/base/err.h"
#include "supervisor/io/loop.h"

#include <stddef.h>

enum { FILES_THREADS = 32, FILES_MAX = 1024 };
#define FILES_BYTES ((size_t)2 << 20) /* the largest file that is read */

struct files;
/* NULL and the reason. The loop must outlive it. */
struct files *files_new(struct loop *l, struct err *e);
/* Where files are asked for that may not be opened here (core/fileask.h), in place of the socket
 * before; takes it. */
void files_helper(struct files *f, int sock);
/* All requests must have been ended; threads that hang end by themselves. */
void files_free(struct files **f);

/* One file. */
struct files_got {
    const char *path;
    const char *text; /* NULL: error says why */
    size_t n;
    const char *error; /* "cannot open /x: Permission denied" */
    int errnum;
};
/* Called once, at the end of a turn; what it gets is valid until files_end. */
typedef void files_done_fn(void *obj, const struct files_got *got, size_t n);

struct files_request {
    struct files *files;
    /* Paths, or patterns with * ? [a-z]; copied. What a pattern matches comes sorted, less than
     * FILES_MAX in all; a pattern that matches nothing, or more, is a file with an error, too. */
    const char *const *patterns;
    size_t n;
    bool literal; /* they are paths, whatever characters they have */
    files_done_fn *done;
    void *obj;
};

struct files_read;
/* Begins; has no timer of its own. Never NULL. */
struct files_read *files_start(const struct files_request *rq);
/* Ends it without an answer, or frees it after one; also from inside done. What was read is
 * overwritten: it may be a key. */
void files_end(struct files_read **r);

#endif
