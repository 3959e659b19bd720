/* Groups: named sets of processes, started and stopped by priority (supervisor-compat, section 7).
 */
#ifndef RUN_GROUPS_H
#define RUN_GROUPS_H

#include "supervisor/run/procs.h"

struct group {
    TAILQ_ENTRY(group) link;
    int32_t priority;
    uint32_t kind;       /* enum gen_group_kind */
    struct proc **procs; /* in start order; behind the name until an update adds some */
    uint32_t nprocs;
    bool procs_apart; /* procs is memory of its own */
    bool doomed;      /* goes away once its processes are down */
    bool renew;       /* doomed, and then made anew: an update changed its kind */
    bool updating;    /* an update changed it and is not at rest yet */
    bool stuck;       /* doomed, and a process of it cannot be signalled: nobody waits for it */
    char name[];
};

/* Makes the group of a generation's record with all its processes; none is started. */
struct group *group_add(struct sup *s, struct live_gen *gen, const struct gen_group *conf,
                        struct err *e);
/* One that another supd left, without its processes: there is room for nprocs. */
struct group *group_revive(struct sup *s, const char *name, const struct gen_group *conf,
                           uint32_t nprocs, struct err *e);
/* Only when all its processes are down. Publishes its removal. */
void group_remove(struct sup *s, struct group **g);
struct group *group_find(struct sup *s, const char *name);
/* Its place among the groups follows. */
void group_set_priority(struct sup *s, struct group *g, int32_t priority);
/* Puts its processes, which all follow one generation, into the order of their records. */
void group_sort(struct group *g);
/* Makes room for n processes in all; 0, or -1 when there is no memory. */
int group_reserve(struct group *g, size_t n);
/* Starts its processes that have autostart, in order. */
void group_autostart(struct group *g, enum proc_why why);
bool group_is_down(const struct group *g);

/* Walks all processes in start order: `for (p = procs_first(s); p; p = procs_next(p))`. */
struct proc *procs_first(struct sup *s);
struct proc *procs_next(struct proc *p);
/* All processes in the order of `status`: by group name, then process name. The caller frees the
 * array; NULL when there is no memory. */
struct proc **procs_sorted(struct sup *s, size_t *out_n);

/* Calls fn for each process that a name selects: "group:name", "group:*", "group:", "all", "name",
 * shell globs. Returns how many. */
size_t procs_select(struct sup *s, const char *name, void (*fn)(void *obj, struct proc *p),
                    void *obj);

#endif
