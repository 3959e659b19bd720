/* A block under construction: bytes are added at its end and named by their offset; equal strings
 * and equal arrays are stored once. */
#ifndef CONF_GENBUF_H
#define CONF_GENBUF_H

#include "supervisor/conf/gen.h"

#include <stdbool.h>

struct genbuf;

/* header bytes at the start are zeroed and reserved. */
struct genbuf *genbuf_new(size_t header);
void genbuf_free(struct genbuf **b);
/* The string's offset; 0 for NULL. */
goff genbuf_str(struct genbuf *b, const char *s);
/* The offset of n bytes aligned to align (a power of two); 0 for n == 0. */
goff genbuf_data(struct genbuf *b, const void *p, size_t n, size_t align);
/* The same without looking for an equal one. */
goff genbuf_append(struct genbuf *b, const void *p, size_t n, size_t align);
/* The block so far; moves with every addition. */
char *genbuf_base(struct genbuf *b);
size_t genbuf_size(const struct genbuf *b);
/* True if the block grew beyond what an offset can name. */
bool genbuf_overflow(const struct genbuf *b);

#endif
