/* Allocation that ends the program instead of returning NULL. */
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mem_die(void)
{
    static const char text[] = "out of memory\n";
    ssize_t n = write(2, text, sizeof(text) - 1);
    (void)n;
    abort();
}

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        mem_die();
    return p;
}

void *mem_zalloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        mem_die();
    return p;
}

void *mem_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q)
        mem_die();
    return q;
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}
