/* The supervisor: what supd's parts share. There is one in a program, made in main and passed on;
 * no part keeps a global of its own. */
#ifndef RUN_SUP_H
#define RUN_SUP_H

#include "supervisor/base/err.h"
#include "supervisor/base/rng.h"
#include "supervisor/base/str.h"
#include "supervisor/conf/gen.h"
#include "supervisor/io/cgroup.h"
#include "supervisor/io/loop.h"
#include "supervisor/io/sigs.h"
#include "supervisor/run/due.h"
#include "supervisor/run/memory.h"
#include "supervisor/run/oom.h"
#include "supervisor/run/order.h"
#include "supervisor/run/state.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/resource.h>

struct agent;
struct conf_word;
struct ctl;
struct logs;
struct proc;
struct servers;
struct group;
struct errands;
struct fcgi;
struct helper;
struct listeners;
struct notes;
struct notify;
struct apply;
struct load;
struct orphans;
struct taps;
struct upgrade;
struct upstream;

TAILQ_HEAD(proc_queue, proc);
TAILQ_HEAD(group_list, group);
LIST_HEAD(helper_list, helper);
SLIST_HEAD(apply_list, apply);
SLIST_HEAD(gen_list, live_gen);
struct health_program;

enum sup_mood { SUP_BOOTING, SUP_RUNNING, SUP_STOPPING };

#define PID_BUCKETS 1024u
#define SUP_DEAD_MAX 256u

/* A generation in use: shared by the processes that follow it, unmapped with the last of them. */
struct live_gen {
    struct sup *sup;
    SLIST_ENTRY(live_gen) retired; /* without users, but a child on its way may still read it */
    const struct gen *gen;
    unsigned refs;
    uint32_t id; /* 1, 2, ... */
    int fd;      /* the sealed memfd */
};

struct sup_options {
    const char *config;            /* -c, or NULL */
    const struct conf_word *words; /* options of [supervisord] on the command line */
    size_t nwords;
    bool as_supervisord;
    bool nodaemon;         /* -n */
    int ready_fd;          /* daemon.c: somebody waits at its other end for the start; -1: nobody */
    int message_fd;        /* why the start failed goes here */
    const char *directory; /* where the process in the background works, or NULL */
    const char *folder;    /* where it was started then: paths are relative to that */
    char *const *argv;
    char *const *environ;
};

struct sup {
    struct sup_options opt;
    struct loop *loop;
    struct state *state;
    struct notes *notes;     /* what programs said of themselves; NULL: nobody ever did */
    struct fcgi *fcgi;       /* the sockets of fcgi-programs; NULL: there was none (fcgi.h) */
    struct notify *notifies; /* the instances that may say something (notify.c) */
    struct logs *logs;
    struct ctl *ctl;
    struct agent *agent;
    struct servers *servers; /* NULL: there was none (servers.h) */
    struct taps *taps;
    struct listeners *listeners; /* event listeners; NULL: there are none */
    struct live_gen *gen;        /* what runs */
    struct live_gen
        *pending; /* the last one read by `reread`, or NULL; `add` and `update` use it */
    struct gen_list retired;
    struct health_program *health; /* what probes say about programs */
    unsigned nhealth;
    struct group_list groups; /* in start order: priority, then name */
    struct group *found_last; /* by group_find */
    uint32_t ngroups, nprocs;
    struct due_list due;     /* what the processes wait for */
    struct order_book order; /* who waits for whom */
    struct proc_queue spawn_queue;
    unsigned nqueued;
    unsigned nstarts; /* since memory was last given back */
    struct loop_defer pump;
    struct loop_timer tidy_timer; /* takes back what the last starts used */
    struct loop_defer reaper;
    struct loop_defer settle;
    struct apply_list applies; /* configuration changes under way (reload.c) */
    struct load *load;         /* a load under way, or NULL (reload.c) */
    struct upgrade *upgrade;   /* an upgrade under way, or NULL (upgrade.c) */
    bool may_be_refused;       /* options of a program that was just started (publish.c) */
    bool stuck;                /* what cannot be stopped waits for its end (reload.c) */
    bool anew;                 /* listeners are told of all groups together (anew.c) */
    bool reload_again;         /* a reload was asked for that could not be begun */
    char **words;              /* room for the arguments of one start (launch.c) */
    size_t nwords;
    struct str own_env; /* the part of its environment that is made for it */
    struct proc *by_pid[PID_BUCKETS];
    struct proc_queue sweeping; /* the leader is dead, its group may not be */
    struct sup_dead {
        struct proc *p;
        int status;
    } dead[SUP_DEAD_MAX]; /* reaped, and not acted on yet */
    unsigned ndead;
    struct orphans *orphans; /* those who left the group of their program */
    struct cgroups cgroups;  /* one for each program, where that is possible */
    struct helper_list helpers;
    struct errands *errands;   /* commands beside processes; NULL: there was none (errand.h) */
    struct upstream *upstream; /* who is told how we are; NULL: nobody (upstream.h) */
    struct rng rng;
    struct sigs_entry entry;
    struct rlimit child_nofile;       /* RLIMIT_NOFILE of the children: ours at entry, or minfds */
    struct rlimit child_fsize;        /* RLIMIT_FSIZE of the children: ours at entry */
    bool raised_nofile, raised_nproc; /* for minfds=, minprocs= */
    bool fsize_lifted;                /* ours is another one now */
    struct loop_timer shutdown_timer;
    struct loop_timer report_timer; /* on the way down: who is still there */
    mono_t stop_due;                /* of that timer */
    enum sup_mood mood;
    int exit_code;
    char *pidfile; /* written, or being written; NULL: none */
    int pid;
    bool is_init;        /* PID 1 of its namespace */
    bool is_subreaper;   /* orphans of our programs come to us */
    bool orphan_died;    /* in the reaping under way: a group that is swept may be empty */
    mono_t shutdown_due; /* when the time of its groups is over */
    int sweeper; /* at the start: the helper that ends what another supd has left; 0: none */
    struct {
        int signo;    /* 0: none came */
        bool is_new;  /* it came in the turn that is under way */
        mono_t begun; /* when all was done that it asked for at once */
    } exit_signal;    /* the last one that was listened to */
    struct oom oom;
    struct memory_watch memory;
    bool log_json;      /* log_format of the start: supd-log, which writes there, too, keeps it */
    uint8_t stop_phase; /* enum of shutdown.c */
    int32_t stop_priority; /* groups of this priority are being stopped */
    mono_t started;
    uint32_t gen_count;
    char socket_env[64]; /* "SUPD_SOCKET=..." where nobody would look for it, else "" */
    char mark[64];       /* SUPD_MARK of our children (leftovers.c) */
    char self_dir[256];  /* folder of our own binary, for the helpers beside it */
};

/* Makes the supervisor: state, loop, signals; nothing of the configuration yet. */
int sup_init(struct sup *s, const struct sup_options *opt, struct err *e);
void sup_fini(struct sup *s);
/* Loads the configuration, starts everything, runs until shutdown; returns the exit status. */
int sup_run(struct sup *s);
/* The same for one that has all of it already. */
int sup_run_again(struct sup *s);
/* The same as sup_init for a supd that goes on from the state of another one (resume.h): all but
 * its processes, logs and sockets. s->state is set by the caller. */
int sup_init_again(struct sup *s, struct err *e);
/* Writes down in the state what of this changed: which generations are in use, the mood, the way
 * down.
 */
void sup_note(struct sup *s);

/* One more user of a generation, one less (the last unmaps it and NULLs *g). */
struct live_gen *live_gen_new(struct sup *s, int fd, struct err *e);
struct live_gen *live_gen_ref(struct live_gen *g);
void live_gen_unref(struct live_gen **g);
/* The same with the id that it had before. */
struct live_gen *live_gen_open(struct sup *s, uint32_t id, int fd, struct err *e);
/* Unmaps those that only waited for children to be past their exec. */
void live_gens_tidy(struct sup *s);

#endif
