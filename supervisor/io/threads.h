/* Threads where a container's filter denies clone3 in a way that the C library does not understand.
 */
#ifndef IO_THREADS_H
#define IO_THREADS_H

/* Before the first thread is made. A filter that answers EPERM to clone3 (Docker's did until 2021)
 * would make every pthread_create fail: from now on the answer is ENOSYS, and the library takes
 * clone. Costs one system call where nothing is denied. */
void threads_allow(void);

#endif
