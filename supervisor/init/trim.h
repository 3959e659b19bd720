/* Gives back the pages of code and constants that only the start needed. */
#ifndef INIT_TRIM_H
#define INIT_TRIM_H

/* To be called when the command runs: afterwards no table that holds pointers may be read, in this
 * folder or another, but the plan. Unmaps our own and libc's pages that a file backs. The pages
 * with the loop stay apart from the rest: the kernel maps what lies around a page that is used, and
 * in supd a whole supervisor lies around it. What is still used comes back at its next use. */
void init_trim(void);

#endif
