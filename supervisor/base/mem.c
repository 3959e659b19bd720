/* Allocation that ends the program instead of returning NULL. */
#include "supervisor/base/mem.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE ((uintptr_t)4096)
#define OBJECT_PARTS 8 /* segments of code and constants of one file; usual are 3 */
#define STACK_DEEP ((uintptr_t)1 << 20) /* deeper calls than this are not looked for */

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

/* Pages wholly below this call hold nothing any more. Where the stack has not grown to nothing is
 * mapped (the kernel keeps the 128 MiB below a stack's top free), which is passed over. */
static __attribute__((noinline)) void trim_stack(void)
{
    uintptr_t top = ((uintptr_t)__builtin_frame_address(0) & ~(PAGE - 1)) - PAGE;
    madvise((void *)(top - STACK_DEEP), STACK_DEEP, MADV_DONTNEED);
}

void mem_trim(void)
{
    malloc_trim(0);
    trim_stack();
}

/* What is never written cannot be lost. The table of segments is itself in one of them: it is read
 * to its end first. */
static int drop_object(struct dl_phdr_info *o, size_t size, void *obj)
{
    struct iovec parts[OBJECT_PARTS];
    int n = 0;
    (void)size, (void)obj;
    for (int i = 0; i < o->dlpi_phnum && n < OBJECT_PARTS; i++) {
        const ElfW(Phdr) *h = &o->dlpi_phdr[i];
        uintptr_t at = o->dlpi_addr + h->p_vaddr, begin = at & ~(PAGE - 1);
        if (h->p_type == PT_LOAD && !(h->p_flags & PF_W))
            parts[n++] = (struct iovec){(void *)begin, at + h->p_memsz - begin};
    }
    while (n-- > 0)
        madvise(parts[n].iov_base, parts[n].iov_len, MADV_DONTNEED);
    return 0;
}

void mem_drop_code(void)
{
    dl_iterate_phdr(drop_object, NULL);
}
