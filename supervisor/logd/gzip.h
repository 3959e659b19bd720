/* Compresses rotated files, in a thread of its own at idle priority. */
#ifndef LOGD_GZIP_H
#define LOGD_GZIP_H

#include "supervisor/base/err.h"

struct gzips;
struct logd;

/* NULL for lack of memory. */
struct gzips *gzips_new(void);
/* path.1 .. path.backups are looked through for plain files; each becomes .gz. */
void gzips_add(struct logd *d, const char *path, int backups);
/* While files of this path are renamed. */
void gzips_lock(struct logd *d, const char *path);
void gzips_unlock(struct logd *d, const char *path);
/* Compresses an open file into one that it makes at to. 0, or -1 and the reason. */
int gzip_file(int from, const char *to, struct err *e);

#endif
