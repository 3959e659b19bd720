/* A bump allocator: many small objects with one lifetime (a configuration, a request). */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdarg.h>

struct arena;

/* A new, empty arena; the caller owns it. It grows in chunks of at least 4 KiB. */
struct arena *arena_new(void);
/* Frees the arena and all that was allocated from it, and sets *a to NULL. */
void arena_free(struct arena **a);
/* size bytes, zeroed, aligned for any type; never NULL (see mem.h). Lives as long as the arena. */
void *arena_alloc(struct arena *a, size_t size);
/* Copies of a string, of its first n bytes (NUL-terminated), of n bytes. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
void *arena_memdup(struct arena *a, const void *p, size_t n);
/* printf into the arena, of any length. */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);

#endif
