/* Certificate authorities by the file they come from, read once and shared by all probes. */
#ifndef IO_TRUSTS_H
#define IO_TRUSTS_H

#include "supervisor/io/tls.h"

#define TRUSTS_DEFAULT "/etc/ssl/certs/ca-certificates.crt"

struct trusts;
struct trusts *trusts_new(void);
void trusts_free(struct trusts **t);
/* What was put for that file less than an hour before now; NULL: read the file and put it. Whoever
 * needs it beyond the next trusts_put holds it (tls_trust_hold). */
struct tls_trust *trusts_get(struct trusts *t, const char *path, mono_t now);
/* Takes the file's content, in place of what was there. NULL and the reason if there is no
 * certificate in it. */
struct tls_trust *trusts_put(struct trusts *t, const char *path, const char *text, size_t n,
                             mono_t now, struct err *e);

#endif
