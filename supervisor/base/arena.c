/* A bump allocator in linked chunks. */
#include "supervisor/base/arena.h"
#include "supervisor/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN 256u /* the first; many arenas are small: one for each alert */
#define ALIGN 16u

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(16) char data[];
};

struct arena {
    struct chunk *head;
    size_t used;
};

struct arena *arena_new(void)
{
    return mem_zalloc(sizeof(struct arena));
}

void arena_free(struct arena **a)
{
    if (!a || !*a)
        return;
    for (struct chunk *c = (*a)->head; c;) {
        struct chunk *next = c->next;
        free(c);
        c = next;
    }
    free(*a);
    *a = NULL;
}

static struct chunk *arena_grow(struct arena *a, size_t need)
{
    size_t size = a->head ? a->head->size * 2 : CHUNK_MIN;
    if (size > 1u << 20)
        size = 1u << 20;
    if (size < need)
        size = need;
    struct chunk *c = mem_alloc(sizeof(*c) + size);
    c->next = a->head;
    c->size = size;
    c->used = 0;
    a->head = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        mem_die();
    size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct chunk *c = a->head;
    if (!c || c->size - c->used < need)
        c = arena_grow(a, need);
    void *p = c->data + c->used;
    c->used += need;
    a->used += need;
    return memset(p, 0, need);
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
    void *q = arena_alloc(a, n);
    if (n)
        memcpy(q, p, n);
    return q;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        mem_die();
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
