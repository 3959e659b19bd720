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

#define ORPHANS_ASKING_MAX 4

/* A request for a list, which a helper makes. */
struct orphans_asking {
    struct sup *sup;    /* NULL: free */
    struct ctl_req *rq; /* NULL: its client has gone */
    int fd;             /* the rows */
};

struct orphans {
    struct sup *sup;
    struct orphan_list known, noted; /* by the last round; by stops under way */
    struct loop_defer start;
    int fd; /* of the round under way: its result; -1: none */
    bool running, again, stale;
    bool looking, looked;   /* within begin and end; it was done */
    bool strange;           /* a child of ours that nobody knows was seen */
    bool zombies;           /* one that is dead already, and may have had children */
    bool blind;             /* our children are not all that there is to see */
    struct loop_timer late; /* for a look at what dead leaders left */
    bool late_running, late_again, late_idle;
    unsigned asked; /* how many were looked at closely */
    struct orphans_asking asking[ORPHANS_ASKING_MAX];
};

/* What a round writes: this, then the orphans, then the counts. */
struct round_head {
    uint32_t norphans, ncounts;
};
#define ROUND_UNSURE UINT32_MAX /* some came and went too soon to be asked whose they are */
struct round_count {
    uint32_t owner, alive;
};

/* Who is who; made in a helper. */
struct family {
    struct sup *sup;
    struct kin *v; /* by pid */
    size_t n;
    int own_sid;
    bool vanished; /* children of ours were gone before they could be asked whose they are */
};
void family_read(struct family *f, struct sup *s);
void family_free(struct family *f);
/* True if it is an orphan of somebody, or a child of ours that is nobody's. */
bool family_is_orphan(const struct family *f, const struct kin *k);

/* What the family could not tell since it was too quick: looks at our children some times more,
 * asks each at once, and calls fn for one that has an owner (its kin is not kept). */
void family_chase(struct family *f, void (*fn)(void *obj, const struct kin *k), void *obj);

/* A look now: true if there is any child that nobody knows, or an orphan of some program. */
bool orphans_any(struct sup *s);
void orphans_late_init(struct orphans *o);

/* In the helper: one round; its exit status. */
int orphans_round(struct orphans *o);

/* The entry of a pid, or NULL. */
struct orphan *orphan_find(const struct orphan_list *l, int pid);

#endif
