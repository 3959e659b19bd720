/* Certificates and keys in text: every block of a PEM file, whatever stands between the blocks. */
#ifndef IO_PEM_H
#define IO_PEM_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"
#include "supervisor/core/x509.h"

/* Reads n bytes of PEM (or one certificate in DER) into facts that live in the arena. Blocks that
 * cannot be read are counted, with the reason of the first; blocks of other kinds and text between
 * blocks are passed over; a private key is compared with the first certificate. Returns 0, or -1
 * and the reason if there is no readable certificate in it (*out is filled all the same). */
int pem_read(const char *text, size_t n, struct arena *a, struct x509_file *out, struct err *e);

/* Compares the private key in `key` with the first certificate in `cert`: 1 they belong together,
 * 0 they do not, -1 and the reason if that cannot be told (no key in it, a locked key, ...). */
int pem_key_matches(const char *key, size_t nkey, const char *cert, size_t ncert, struct err *e);

#endif
