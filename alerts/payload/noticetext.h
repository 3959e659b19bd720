/* A notice written down as text, so that it waits in the store over restarts: one line a field,
 * NAME, a tab, and the value escaped as on the control socket. Fields that are unknown are passed
 * over, and those that are missing are empty, so that a newer agent reads what an older one wrote.
 */
#ifndef ALERTS_PAYLOAD_NOTICETEXT_H
#define ALERTS_PAYLOAD_NOTICETEXT_H

#include "alerts/payload/notice.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

/* More than this is refused: no notice is that long. */
#define NOTICETEXT_MAX (256 * 1024)
#define NOTICETEXT_LABELS 64

/* A notice with the memory of its strings. */
struct notice_copy {
    struct notice n;
    struct arena *a;
};

/* Appends the notice. */
void notice_write(const struct notice *n, struct str *out);
/* Reads what notice_write wrote; the caller frees it. NULL and the reason: it is damaged. */
struct notice_copy *notice_read(const char *p, size_t n, struct err *e);
void notice_copy_free(struct notice_copy **c);

#endif
