/* Memory for the programs that may end when there is none left (the load child, supctl, the
 * agent). supd itself never calls these once it runs: it allocates through str (which fails softly)
 * or at reload time only. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* malloc, calloc, realloc and strdup that do not return NULL: on failure they write
 * "out of memory" to stderr and abort(). The caller owns the result and frees it with free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);

/* Gives back to the system what malloc holds free and what deeper calls have left on the main
 * thread's stack, which must be the caller's. */
void mem_trim(void);

/* Unmaps the pages of code and constants, our own and the libraries'; the page cache keeps them,
 * and what is still used comes back at its next use. Worth it once, when a start is over: most
 * pages of libc are mapped for that alone. Not for a program that must never wait for a disk. */
void mem_drop_code(void);

/* Ends the program: "out of memory" on stderr, then abort(). */
void mem_die(void) __attribute__((noreturn));

#endif
