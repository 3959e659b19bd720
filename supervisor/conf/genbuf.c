/* A block under construction, with sharing of equal parts. */
#include "supervisor/conf/genbuf.h"
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    goff off; /* 0: free */
    uint32_t len;
    uint64_t hash;
};

struct genbuf {
    char *p;
    size_t len, cap;
    struct entry *table; /* open addressing, at most half full */
    size_t slots, used;
};

struct genbuf *genbuf_new(size_t header)
{
    struct genbuf *b = mem_zalloc(sizeof(*b));
    b->cap = header + 4096;
    b->p = mem_zalloc(b->cap);
    b->len = header;
    b->slots = 1024;
    b->table = mem_zalloc(b->slots * sizeof(*b->table));
    return b;
}

void genbuf_free(struct genbuf **b)
{
    if (!*b)
        return;
    free((*b)->p);
    free((*b)->table);
    free(*b);
    *b = NULL;
}

static uint64_t hash_of(const void *p, size_t n)
{
    const unsigned char *c = p;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ c[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 29;
}

static void grow_table(struct genbuf *b)
{
    struct entry *old = b->table;
    size_t n = b->slots;
    b->slots *= 2;
    b->table = mem_zalloc(b->slots * sizeof(*b->table));
    for (size_t i = 0; i < n; i++) {
        if (!old[i].off)
            continue;
        size_t at = old[i].hash & (b->slots - 1);
        while (b->table[at].off)
            at = (at + 1) & (b->slots - 1);
        b->table[at] = old[i];
    }
    free(old);
}

goff genbuf_append(struct genbuf *b, const void *p, size_t n, size_t align)
{
    size_t at = (b->len + align - 1) & ~(align - 1);
    if (at + n > b->cap) {
        b->cap = (at + n) * 2;
        b->p = mem_realloc(b->p, b->cap);
    }
    memset(b->p + b->len, 0, at - b->len);
    memcpy(b->p + at, p, n);
    b->len = at + n;
    return (goff)at;
}

goff genbuf_data(struct genbuf *b, const void *p, size_t n, size_t align)
{
    if (!n)
        return 0;
    if (b->used * 2 >= b->slots)
        grow_table(b);
    uint64_t h = hash_of(p, n);
    size_t at = h & (b->slots - 1);
    for (; b->table[at].off; at = (at + 1) & (b->slots - 1)) {
        const struct entry *e = &b->table[at];
        if (e->hash == h && e->len == n && e->off % align == 0 && memcmp(b->p + e->off, p, n) == 0)
            return e->off;
    }
    b->used++;
    b->table[at] = (struct entry){genbuf_append(b, p, n, align), (uint32_t)n, h};
    return b->table[at].off;
}

goff genbuf_str(struct genbuf *b, const char *s)
{
    return s ? genbuf_data(b, s, strlen(s) + 1, 1) : 0;
}

char *genbuf_base(struct genbuf *b)
{
    return b->p;
}

size_t genbuf_size(const struct genbuf *b)
{
    return b->len;
}

bool genbuf_overflow(const struct genbuf *b)
{
    return b->len > UINT32_MAX / 2;
}
