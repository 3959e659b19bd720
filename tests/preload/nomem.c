/* Memory that runs out, for one program: preloaded into it, makes each Nth of malloc, calloc and
 * realloc fail while the file $NOMEM_FLAG is there, which holds N; in processes whose name is
 * $NOMEM_NAME. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static unsigned long count;

/* N of the flag's file, 0: nothing fails now */
static unsigned long period(void)
{
    char text[16] = "";
    const char *flag = getenv("NOMEM_FLAG"), *name = getenv("NOMEM_NAME");
    if (!flag || !name || strcmp(name, program_invocation_short_name) != 0)
        return 0;
    long fd = syscall(SYS_openat, AT_FDCWD, flag, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    long n = syscall(SYS_read, fd, text, sizeof(text) - 1);
    syscall(SYS_close, fd);
    return n > 0 ? strtoul(text, NULL, 10) : 0;
}

static int fails(void)
{
    int saved = errno;
    unsigned long n = period();
    errno = n ? ENOMEM : saved;
    return n && ++count % n == 0;
}

void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return n && fails() ? NULL : __libc_realloc(p, n);
}
