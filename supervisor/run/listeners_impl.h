/* What the parts of the event listeners share: listeners.c (pools), listenproc.c (one process),
 * listentell.c (payloads), listentext.c (text), listentick.c (ticks). Included by these only. */
#ifndef RUN_LISTENERS_IMPL_H
#define RUN_LISTENERS_IMPL_H

#include "supervisor/core/pool.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/listenmem.h"

/* A group of listeners. */
struct lpool {
    TAILQ_ENTRY(lpool) link;
    struct group *group;
    uint32_t index;  /* in the memory */
    uint32_t types;  /* that it wants */
    bool bytes;      /* len counts them */
    bool any_result; /* whatever a listener answers, the event is done; its text is printed */
    struct pool buffer;
    uint64_t discarded;
};
TAILQ_HEAD(lpool_list, lpool);

/* A process of one. */
struct lproc {
    LIST_ENTRY(lproc) link;
    struct listeners *all;
    struct proc *p;
    uint32_t index; /* in the memory */
    struct loop_io in, out;
    struct loop_timer again; /* its log may take more now, or it may get events again */
    mono_t pause;            /* no event before */
    unsigned rejected;       /* events in a row */
    mono_t sent;             /* when it got the event that it has */
    bool answered;           /* this instance has done so once */
    bool deaf;               /* its standard input is broken */
};
LIST_HEAD(lproc_list, lproc);

struct listeners {
    struct sup *sup;
    struct listenmem *mem;
    struct lpool_list pools;
    struct lproc_list procs;
    uint32_t types;   /* of all pools */
    uint32_t printed; /* types whose text is printed */
    bool reviving;    /* not all pools are known yet */
    struct loop_defer dispatch;
    struct loop_timer tick, grace;
    mono_t grace_due;
    mono_t stopping;   /* since when supd goes down; 0: it does not */
    bool renew;        /* the processes are to be started again */
    bool again;        /* what is told now may have been told by another supd */
    bool catching_up;  /* with text that another supd left */
    int64_t grace_for; /* the priority whose grace it is, or was */
};

/* ---- listeners.c ---- */
struct lpool *listeners_pool_of(const struct listeners *x, const struct group *g);
/* What a listener had: it is done, or goes back to its place. */
void listeners_done(struct lproc *lp);
void listeners_put_back(struct lproc *lp, uint32_t event);
/* Somebody may get an event. */
void listeners_look(struct listeners *x);

/* ---- listentext.c ---- */
uint64_t listeners_next_serial(uint64_t serial);
/* Before anything is told: the serials of what another supd kept, or was about to tell, are taken.
 */
void listeners_count_all(struct listeners *x);

/* ---- listenproc.c ---- */
struct lproc *listenproc_of(const struct listeners *x, const struct proc *p);
/* The same, made if it is not there; NULL: no memory, or too many. */
struct lproc *listenproc_get(struct listeners *x, struct proc *p);
void listenproc_free(struct lproc **lp);
struct lm_listener *listenproc_mem(const struct lproc *lp);
/* It can get events at all; it can be sent one now. */
bool listenproc_listens(const struct lproc *lp);
bool listenproc_is_ready(const struct lproc *lp);
void listenproc_send(struct lproc *lp, uint32_t event);
void listenproc_stop(struct lproc *lp);
/* Another supd left it so. */
void listenproc_go_on(struct lproc *lp);

/* ---- listentold.c ---- */
/* From now on what listeners are told of processes is noted; as if they had been told of all up to
 * now. */
void listentold_begin(struct listeners *x);
/* The process is in this state, and they know. */
void listentold_note(struct listeners *x, const struct proc *p, int state, int pid);
/* Another supd did not come to tell all: they are told; those of one process, or all. */
void listentold_one(struct listeners *x, struct proc *p);
void listentold_catch_up(struct listeners *x);

/* ---- listentick.c ---- */
/* Ticks come as pools want them. */
void listentick_sync(struct listeners *x);
void listentick_init(struct listeners *x);

#endif
