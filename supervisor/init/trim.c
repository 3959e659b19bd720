/* Gives back the pages of code and constants that only the start needed. */
#include "supervisor/init/trim.h"

#include "supervisor/init/init.h"
#include "supervisor/init/relay.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096, ABOUT = 4 * PAGE }; /* all of plain init's code is smaller than ABOUT */

/* The kernel maps pages around a fault, but not beyond their mapping; advice that differs makes the
 * loop's pages a mapping of their own. */
static void part_loop(void)
{
    uintptr_t a = (uintptr_t)init_main, b = (uintptr_t)relay_decide;
    uintptr_t low = a < b ? a : b, high = a < b ? b : a;
    low = (low & ~(uintptr_t)(PAGE - 1)) - PAGE; /* init_main is the last function of its file */
    if (high - low < ABOUT)
        madvise((void *)low, high - low + PAGE, MADV_RANDOM);
}

static int drop(struct dl_phdr_info *info, size_t size, void *obj)
{
    (void)size;
    (void)obj;
    for (int i = info->dlpi_phnum; i-- > 0;) { /* the first holds these headers */
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t begin = (info->dlpi_addr + ph->p_vaddr) & ~(uintptr_t)(PAGE - 1);
        if (ph->p_type == PT_LOAD && !(ph->p_flags & PF_W))
            madvise((void *)begin, info->dlpi_addr + ph->p_vaddr + ph->p_memsz - begin,
                    MADV_DONTNEED);
    }
    return 0;
}

void init_trim(void)
{
    part_loop();
    dl_iterate_phdr(drop, NULL);
}
