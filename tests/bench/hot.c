/* Notes which functions of a program are entered, in memory that hot.py reads from outside. Linked
 * into programs that are built with -finstrument-functions. A child made by fork has notes of its
 * own; one made by vfork is still the program. */
#include <stdint.h>
#include <sys/mman.h>

#define NOTES ((unsigned char *)0x100000000000) /* hot.py knows it, too */
#define NOTES_LEN 0x100000                      /* more than any program's code */

extern const char __executable_start;
void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

void __cyg_profile_func_enter(void *function, void *caller)
{
    static int made;
    uintptr_t at = (uintptr_t)function - (uintptr_t)&__executable_start;
    (void)caller;
    if (!made) {
        made = mmap(NOTES, NOTES_LEN, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == NOTES &&
               madvise(NOTES, NOTES_LEN, MADV_WIPEONFORK) == 0;
    }
    if (made && at < NOTES_LEN)
        NOTES[at] = 1;
}

void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function;
    (void)caller;
}
