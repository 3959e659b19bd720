/* Deaths for want of memory: the kernel counts in our control group how often it killed. */
#ifndef RUN_OOM_H
#define RUN_OOM_H

#include "supervisor/base/mono.h"

#include <stdbool.h>
#include <stdint.h>

struct oom {
    int fd; /* of the file with the count; 0: there is none */
    uint64_t seen;
    uint64_t open; /* kills that no death was found for yet, */
    mono_t since;  /* seen then */
};

/* Looks for the count: version 2, then version 1, of our group as the kernel names it, then as a
 * container sees it. Without one nothing is ever said. */
void oom_open(struct oom *o);
void oom_close(struct oom *o);
/* To be asked at every death, once, killed: whether it was by SIGKILL. True if the kernel did it:
 * it has killed since, and that was for no other death. Those of one moment come in any order. */
bool oom_struck(struct oom *o, bool killed, mono_t now);

#endif
