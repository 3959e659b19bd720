/* How much memory a program uses, as /proc says it without holding anyone up. */
#ifndef IO_MEMUSE_H
#define IO_MEMUSE_H

#include <stdint.h>

/* The memory in bytes of a process and of its living descendants that nobody else has: resident
 * minus shared (statm; smaps would stop the process while it is read). -1 with errno when the
 * process cannot be looked at. Descendants whose parent has died are not found, nor any beyond the
 * first 1,000, nor those of more than 2,000 threads. Allocates nothing. */
int64_t memuse_tree(int pid);
/* The same of that process alone. */
int64_t memuse_one(int pid);

#endif
