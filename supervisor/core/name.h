/* Names of processes as people write them: "web", "workers:workers_00", "workers:*", globs, all. */
#ifndef CORE_NAME_H
#define CORE_NAME_H

#include "supervisor/base/str.h"

#include <stdbool.h>

/* Appends "group:process", or just the name when both are equal. */
void name_put(struct str *out, const char *group, const char *process);
/* True if the pattern means this process: "all"; "GROUP:PROCESS", where either side may be a glob
 * and an empty PROCESS is "*"; else the full name, a glob over it, or the name of its group. A
 * plain name that is a process's full name never means the group of that name: see name_exact. */
bool name_match(const char *pattern, const char *group, const char *process);
/* True if the pattern is this one process's full name, so that nothing else is meant. */
bool name_exact(const char *pattern, const char *group, const char *process);

#endif
