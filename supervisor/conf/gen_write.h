/* A generation being written; shared by the files that write it. */
#ifndef CONF_GEN_WRITE_H
#define CONF_GEN_WRITE_H

#include "supervisor/conf/genbuf.h"
#include "supervisor/conf/section.h"

struct gen_writer {
    const struct conf *c;
    const struct group *group; /* the one whose processes are written */
    struct arena *a;           /* for the time of writing */
    struct genbuf *b;
    struct names env;                     /* the base environment: name to value */
    struct names env_index;               /* name to its place in the array */
    const char *last_command, *last_path; /* of the process written before */
    struct gen_proc last;
    struct str scratch;
};

/* Writes one process of the group with that index. */
void gen_write_proc(struct gen_writer *w, const struct proc *p, uint32_t group,
                    struct gen_proc *out);

#endif
