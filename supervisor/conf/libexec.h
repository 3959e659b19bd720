/* Where the helper programs are. */
#ifndef CONF_LIBEXEC_H
#define CONF_LIBEXEC_H

#include "supervisor/base/err.h"

#include <stddef.h>

/* The folder of the running program's own file; out of at least 1 byte. */
void libexec_self(char *out, size_t size);
/* Finds an executable beside supd (self_dir), in [supd] libexec= (NULL: unset), in libexec/supd of
 * the tree that supd is installed in, or where it was built to be installed. 0 and the path, or -1
 * and a sentence that names all these places. */
int libexec_find(const char *self_dir, const char *libexec, const char *name, char *out_path,
                 size_t size, struct err *e);

#endif
