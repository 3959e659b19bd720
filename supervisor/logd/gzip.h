/* Compresses rotated files at idle priority; they are renamed at the usual one. */
#ifndef LOGD_GZIP_H
#define LOGD_GZIP_H

#include "supervisor/base/err.h"

#include <sys/queue.h>

struct gzips;
struct logd;

/* NULL for lack of memory. */
struct gzips *gzips_new(void);
/* path.1 .. path.backups are looked through for plain files; each becomes .gz. */
void gzips_add(struct logd *d, const char *path, int backups);
/* While files of this path are renamed; waits for whoever does that, but for no other path's. */
struct gzips_hold {
    LIST_ENTRY(gzips_hold) link;
    const char *path;
};
void gzips_lock(struct gzips *g, struct gzips_hold *h, const char *path);
void gzips_unlock(struct gzips *g, struct gzips_hold *h);
/* Compresses an open file into one that it makes at to. 0, or -1 and the reason. */
int gzip_file(int from, const char *to, struct err *e);

#endif
