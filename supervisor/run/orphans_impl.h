/* What orphans.c, orphans_round.c and orphans_list.c share. */
#ifndef RUN_ORPHANS_IMPL_H
#define RUN_ORPHANS_IMPL_H

#include "supervisor/core/kin.h"
#include "supervisor/run/orphans.h"

#define ORPHANS_MAX 4096u /* that are remembered */

/* One that is known: left by a program, or of nobody. */
struct orphan {
    int pid, former;
    uint64_t start;
    uint32_t owner; /* a slot, or KIN_NOBODY */
    uint8_t signal; /* the last one that it got from us; or REPORTED */
    bool child;     /* of ours: nobody else gets its number */
    bool alive;     /* seen in the last look */
};
#define ORPHAN_REPORTED 255

struct orphan_list {
    struct orphan *v; /* by pid */
    uint32_t n;
};

struct orphans {
    struct sup *sup;
    struct orphan_list known, noted; /* by the last round; by stops under way */
    struct loop_defer start;
    int fd; /* of the round under way: its result; -1: none */
    bool running, again, stale;
    bool looking, looked;         /* within begin and end; it was done */
    bool strange;                 /* a child of ours that nobody knows was seen */
    bool blind;                   /* our children are not all that there is to see */
    unsigned asked;               /* how many were looked at closely */
};

/* What a round writes: this, then the orphans, then the counts. */
struct round_head {
    uint32_t norphans, ncounts;
};
struct round_count {
    uint32_t owner, alive;
};

/* Who is who; made in a helper. */
struct family {
    struct sup *sup;
    struct kin *v; /* by pid */
    size_t n;
    int own_sid;
};
void family_read(struct family *f, struct sup *s);
void family_free(struct family *f);
/* True if it is an orphan of somebody, or a child of ours that is nobody's. */
bool family_is_orphan(const struct family *f, const struct kin *k);

/* In the helper: one round; its exit status. */
int orphans_round(struct orphans *o);

/* The entry of a pid, or NULL. */
struct orphan *orphan_find(const struct orphan_list *l, int pid);

#endif
