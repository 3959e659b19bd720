/* Small truths about descriptors. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Closes *fd if it is >= 0 and sets it to -1; errno stays. */
void fd_close(int *fd);
/* Sets or clears O_NONBLOCK, FD_CLOEXEC; 0 or -1 with errno. */
int fd_nonblock(int fd, bool on);
int fd_cloexec(int fd, bool on);
/* Makes sure that 0, 1 and 2 are open, with /dev/null or, where there is none, with a pipe end, so
 * that no later descriptor gets these numbers. 0 or -1 with errno. */
int fd_fill_012(void);
/* Writes all n bytes of a blocking descriptor, over EINTR and short writes; 0 or -1 with errno. */
int fd_write_all(int fd, const void *p, size_t n);
/* A memfd for shared state, close-on-exec; where memfd_create is denied, an unlinked file in
 * /dev/shm or /tmp. MFD_NOEXEC_SEAL is asked for and left out where the kernel does not know it.
 * sealable: allow F_ADD_SEALS. Returns the descriptor, or -1 with errno. */
int fd_memory(const char *name, bool sealable);
/* Maps size bytes of it, shared and not reserved, to read and write; fd -1: memory that no file
 * holds. NULL with errno. */
void *fd_map(int fd, size_t size);

#endif
