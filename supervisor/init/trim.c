/* Gives back the pages of code and constants that only the start needed. */
#include "supervisor/init/trim.h"

#include "supervisor/init/init.h"
#include "supervisor/init/relay.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true /* it reads tables of its own at the end */
#else
#define SANITIZED false
#endif

enum { PAGE = 4096, ABOUT = 4 * PAGE }; /* all of plain init's code is smaller than ABOUT */

static uintptr_t page_of(uintptr_t at)
{
    return at & ~(uintptr_t)(PAGE - 1);
}

/* The kernel maps pages around a fault, but not beyond their mapping; advice that differs makes the
 * loop's pages a mapping of their own. */
static void part_loop(void)
{
    uintptr_t a = (uintptr_t)init_main, b = (uintptr_t)relay_decide;
    uintptr_t low = a < b ? a : b, high = a < b ? b : a;
    low = page_of(low) - PAGE; /* init_main is the last function of its file */
    if (high - low < ABOUT)
        madvise((void *)low, high - low + PAGE, MADV_RANDOM);
}

/* The tables of the whole supervisor, which the loader had to write to and nobody reads any more.
 * The page in front has the destructors; what calls into libraries begins with _DYNAMIC. */
static void drop_tables(uintptr_t relro, size_t size)
{
    uintptr_t begin = page_of(relro) + PAGE, end = page_of((uintptr_t)_DYNAMIC);
    if (begin < end && end <= relro + size)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static int drop(struct dl_phdr_info *info, size_t size, void *obj)
{
    (void)size;
    (void)obj;
    for (int i = info->dlpi_phnum; i-- > 0;) { /* the first holds these headers */
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + ph->p_vaddr;
        if (ph->p_type == PT_LOAD && !(ph->p_flags & PF_W))
            madvise((void *)page_of(begin), begin + ph->p_memsz - page_of(begin), MADV_DONTNEED);
        else if (ph->p_type == PT_GNU_RELRO && !info->dlpi_name[0] && !SANITIZED)
            drop_tables(begin, ph->p_memsz);
    }
    return 0;
}

void init_trim(void)
{
    part_loop();
    dl_iterate_phdr(drop, NULL);
}
