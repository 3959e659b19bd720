/* `supctl upgrade`: another binary goes on in our place, after it was tried as a child. */
#ifndef RUN_UPGRADE_H
#define RUN_UPGRADE_H

#include "supervisor/run/sup.h"

struct ctl_req;

/* Begins it for a request, which gets a record once the binary is found good, and an error if it is
 * not or the exec fails; a connection that ends after the record means that the new one is there.
 * path: absolute, or NULL for our own. */
void upgrade_begin(struct sup *s, const char *path, struct ctl_req *rq);
/* Its client is gone: the upgrade goes on. */
void upgrade_fini(struct sup *s);

#endif
