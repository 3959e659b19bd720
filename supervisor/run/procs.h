/* One supervised process: drives its machine (core/proc.h) with spawns, signals, timers and logs.
 * All functions are for supd's one thread. */
#ifndef RUN_PROCS_H
#define RUN_PROCS_H

#include "supervisor/core/proc.h"
#include "supervisor/run/sup.h"

struct log_stream;
struct proc_waiter;
LIST_HEAD(waiter_list, proc_waiter);

struct proc {
    struct group *group;
    struct live_gen *gen;        /* holds a reference */
    const struct gen_proc *conf; /* its record in gen */
    struct live_gen *next_gen;   /* taken over once it is down (update), or NULL */
    struct log_stream *log[2];   /* stdout, stderr; NULL: none */
    struct waiter_list waiters;
    TAILQ_ENTRY(proc) queue; /* spawn_queue, while queued */
    struct proc *hash_next;  /* by_pid: its process's number, then its swept group's */
    TAILQ_ENTRY(proc) sweep; /* sweeping, while its life says so */
    void *held;              /* events held back until the logs are drained; publish.c */
    mono_t forgiven;         /* the deadline of a stop that we came to too late; given time again */
    uint32_t slot;           /* in the state */
    uint32_t index;          /* in group->procs */
    int hashed_pid;
    uint32_t next_index; /* its record in next_gen */
    uint32_t due;        /* its place among the deadlines, plus 1; 0: it has none */
    bool queued : 1, sweeping : 1;
    bool doomed : 1;        /* goes away once it is down (update removed it) */
    bool start_after : 1;   /* start when the new configuration was taken over */
    bool in_cgroup : 1;     /* the last instance was made in its control group */
    bool group_gone : 1;    /* sweeping: nobody is in its process group any more */
    bool escaped : 1;       /* sweeping: others may live outside of it (orphans.h) */
    bool found : 1;         /* sweeping: some were found there */
    uint8_t unsure : 2;     /* sweeping: so many rounds could not tell */
    bool seek : 1;          /* the next round is to look for them */
    bool sought : 1;        /* the round under way does */
    bool sought_alone : 1;  /* and when it began the group was gone */
    bool ordered : 1;       /* it has a node in the order (order.h) */
    bool needed : 1;        /* orderstop.c: a process that counts needs it */
    bool leaving : 1;       /* to be stopped once nobody who leaves needs it, */
    bool leaving_again : 1; /* and started again then */
    bool commanding : 1;    /* its stop_command waits or runs */
    bool awaits_socket : 1; /* its start waits for its socket (fcgi.h) */
    bool picked : 1;        /* verb.c: among those that a request's names mean */
};

/* Told of every change of a process; add with proc_wait, remove with proc_unwait. A waiter may
 * remove itself in the call. gone: the process object is about to be freed. */
struct proc_waiter {
    LIST_ENTRY(proc_waiter) link;
    void (*fn)(void *obj, struct proc *p, const struct proc_change *change, bool gone);
    void *obj;
};

/* A process of a group with the record conf of generation gen; not started. NULL and the reason. */
struct proc *proc_new(struct sup *s, struct group *g, struct live_gen *gen,
                      const struct gen_proc *conf, struct err *e);
/* The same for a process that another supd left in this slot. NULL and the reason. */
struct proc *proc_revive(struct sup *s, struct group *g, struct live_gen *gen,
                         const struct gen_proc *conf, uint32_t slot, struct err *e);
/* Then, with its log streams: goes on where that one stood. */
void proc_go_on(struct proc *p);
/* Only when it has no child. */
void proc_free(struct proc **p);

static inline struct sup *proc_sup(const struct proc *p)
{
    return p->gen->sup;
}
/* Its options, and with next_gen the record in it. */
static inline const struct gen_opts *proc_opts(const struct proc *p)
{
    return gen_opts(p->gen->gen, p->conf);
}
static inline const struct gen_proc *proc_next_conf(const struct proc *p)
{
    return gen_procs(p->next_gen->gen) + p->next_index;
}

/* The committed life (read only). */
const struct proc_life *proc_life(const struct proc *p);
const char *proc_name(const struct proc *p);
/* "group:name", or just the name when both are equal (supervisor-compat, section 7). */
const char *proc_fullname(const struct proc *p, char *buf, size_t size);
#define PROC_NAME_MAX 512

/* Our end of its stdin pipe, in the state; 0: none. */
static inline int32_t *proc_stdin(const struct proc *p)
{
    return &state_link(proc_sup(p)->state, p->slot)->stdin_fd;
}
void proc_close_stdin(struct proc *p);
/* Writes down what an update has in mind for it, and for its group. */
void proc_note(struct proc *p);

/* Commands. The outcome shows in the changes (see proc_wait). */
void proc_start(struct proc *p, enum proc_why why);
void proc_stop(struct proc *p);
/* The same, since the configuration changed. */
void proc_stop_by_update(struct proc *p);
void proc_restart(struct proc *p);
void proc_shut(struct proc *p);   /* the supervisor is going down */
void proc_hasten(struct proc *p); /* KILL now */
/* Sends a signal to the process itself; 0, or -1 with the reason (not running, kill failed). */
int proc_signal(struct proc *p, int sig, struct err *e);
/* Follows a new record: at once if there is no difference or a hot one, else (and with force) by a
 * restart. */
void proc_follow(struct proc *p, struct live_gen *gen, const struct gen_proc *conf, bool force);
/* Takes the record over that proc_follow left for when it is down; true if there was one. */
bool proc_take_next(struct proc *p);
/* One that is down has no past: at a restart of everything. */
void proc_renew(struct proc *p);
/* True when nothing of it runs or is about to: safe to free. */
bool proc_is_down(const struct proc *p);

void proc_wait(struct proc *p, struct proc_waiter *w);
void proc_unwait(struct proc *p, struct proc_waiter *w);

/* Why it could not start or ended badly: "cannot chdir to /x: No such file or directory", "Exited
 * too quickly ...", "" if there is nothing to say (supervisor-compat: spawnerr). */
const char *proc_spawnerr(const struct proc *p, char *buf, size_t size);
/* It is to end with success: a oneshot or setup. */
bool proc_is_once(const struct proc *p);
/* The policy that its machine follows. */
void proc_policy_of(const struct gen *g, const struct gen_proc *c, struct proc_policy *out);

/* Once, when there is a loop; and at the end, when there are no processes any more. */
void procs_init(struct sup *s);
void procs_fini(struct sup *s);
/* From the reap loop: a child was seen dead (record it), was reaped (act). True: it was ours. */
bool procs_peeked(struct sup *s, int pid, int status);
bool procs_reaped(struct sup *s, int pid, int status);
/* What follows from the deaths that were told since the last time. */
void procs_bury(struct sup *s);
/* True if this is the pid of a leader; the number of the group of one, alive or dead, that is
 * looked after. */
bool procs_has_leader(struct sup *s, int pid);
bool procs_has_group(struct sup *s, int pgid);
struct proc *procs_of_group(struct sup *s, int pgid);
/* Orphans were reaped: leftover groups may be empty now. */
void procs_check_sweeps(struct sup *s);
/* Once all that another supd left are known: what it was about to do for these groups. */
void procs_go_on_sweeping(struct sup *s);
/* Spawns what is queued, as far as slots allow; runs at the end of a turn. */
void procs_pump(struct sup *s);
/* Takes back what ended or exec'd children used; asks for another look while some are on the way.
 */
void procs_tidy(struct sup *s);
/* Has that done soon. */
void procs_tidy_later(struct sup *s);

#endif
