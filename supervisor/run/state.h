/* The state that must survive a crash or an upgrade of supd: a fixed, pointer-free memfd, current
 * after every transition. A commit is written down beside the records before it is written into its
 * record, each with a CRC, so that one good copy exists at every moment. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

#include "supervisor/core/proc.h"
#include "supervisor/io/sigs.h"
#include "supervisor/io/spawn.h"

#define STATE_MAGIC UINT64_C(0x3145544154535553) /* "SUSTATE1" */
/* Adjacent versions differ in what was added at the end of the head and of the record: each of them
 * can go on from the other's state. */
#define STATE_VERSION 5u
#define STATE_OLDEST 4u
#define STATE_SLOTS_MAX 65536u
#define STATE_GENS_MAX 128u

/* Where a process stands in the protocol between us and the kernel. */
enum state_phase {
    STATE_IDLE,     /* no child, or a child whose pid is in life */
    STATE_SPAWNING, /* the intent: the kernel writes the pid into the cell */
    STATE_PEEKED,   /* pid and status of a death seen, not yet reaped */
};

struct state_rec {
    uint32_t phase;      /* enum state_phase */
    uint32_t proc_index; /* its record in the generation */
    int32_t peek_pid, peek_status;
    uint32_t gen;    /* the generation's id */
    uint32_t signal; /* to be sent, and nobody knows whether it was; 0: none */
    struct proc_life life;
};

enum {                            /* marks of a process */
       STATE_DOOMED = 1,          /* it goes away once it is down */
       STATE_START_AFTER = 2,     /* it starts when it has taken its next record over */
       STATE_GROUP_DOOMED = 4,    /* its group goes away */
       STATE_GROUP_RENEW = 8,     /* and is then made anew */
       STATE_GROUP_UPDATING = 16, /* its group is not at rest yet */
       STATE_IN_CGROUP = 32,      /* its last instance was made in its control group */
       STATE_LEAVING = 64,        /* it is stopped once those who leave do not need it any more */
       STATE_LEAVING_AGAIN = 128, /* and started again then */
};

/* What a process has beside its life. Written in place; each word is whole by itself. */
struct state_link {
    int32_t stdin_fd;    /* our end of its stdin pipe; 0: none */
    uint32_t next_gen;   /* id of the generation that it follows once it is down; 0: none */
    uint32_t next_index; /* its record there */
    uint32_t marks;
};

/* What supd itself has. Descriptors: 0 is none. */
struct state_kept {
    int32_t self;       /* our binary, O_PATH */
    int32_t log_memory; /* logshm.h */
    int32_t socket;     /* the control socket, listening */
    int32_t journal, agent_listen;
    int32_t pid; /* ours */
    int32_t agent_pid;
    uint32_t gen_now, gen_pending, gen_count; /* ids */
    uint32_t changing;                        /* a change of the configuration is being applied */
    int32_t notes;                            /* notes.h */
    int64_t socket_gid;
    uint64_t socket_dev, socket_ino;
    uint64_t instance, events; /* of the control server */
    int32_t exit_code, stop_priority;
    mono_t stop_due;
    uint8_t mood, stop_phase;
    uint8_t ready; /* enum supready (upstream.h) */
    uint8_t log_json, fsize_lifted, as_supervisord;
    uint8_t cause;    /* enum state_cause of the last exec */
    uint8_t starting; /* what has autostart is being started */
    struct rlimit child_nofile, child_fsize;
    uint32_t upgrades, crashes;
    char comm[16];
    char listen_at[64]; /* where agent_listen listens */
};

#define STATE_SOCKETS 32u

/* A listening socket that supd made and keeps. */
struct state_socket {
    int32_t fd;    /* 0: none */
    uint32_t mark; /* tells which one it is: the CRC of its URL */
};

#define STATE_ERRANDS 2048u

/* A command that is run beside a process, or waits to be (errand.h). */
struct state_errand {
    uint32_t used;   /* a running number, its place in the queue; 0: free */
    uint8_t which;   /* GEN_STOP_COMMAND and its like */
    uint8_t phase;   /* enum state_phase: IDLE: it waits; SPAWNING; PEEKED: never */
    uint8_t running; /* 1: its pid is in the cell */
    uint8_t has_exit, expected;
    uint8_t spare[3];
    uint32_t gen, proc_index;
    uint32_t slot; /* of its process, plus 1; 0: that is gone */
    /* what its variables say */
    int32_t pid, status;
    uint16_t state, why;
    uint32_t tries, starts, restarts;
    mono_t due; /* when its time is over; 0: it has not begun */
    struct spawn_cell cell;
};

struct state_errand_totals {
    uint64_t run, failed, lost;
};

enum state_cause { STATE_STARTED, STATE_UPGRADED, STATE_CRASHED };

/* Texts that are kept, too. */
enum state_text {
    STATE_CONFIG,   /* path of the configuration file, as given */
    STATE_BINARY,   /* path of our binary at the start */
    STATE_SELF_DIR, /* where its helpers are */
    STATE_MARK,     /* SUPD_MARK of our children */
    STATE_SOCKET,   /* path or @name of the control socket */
    STATE_PIDFILE,
    STATE_LOG_PROGRAM,
    STATE_AGENT_PROGRAM,
    STATE_READY_FILE,
    STATE_FOLDER, /* where it was started, if it works elsewhere (daemon.c) */
    STATE_NTEXTS
};

#define STATE_CRASHES 8u

/* The last faults. */
struct state_crash {
    uint32_t n; /* so far; the newest is at[(n - 1) % STATE_CRASHES] */
    int32_t signo, code;
    int32_t pid; /* who sent the signal; 0: nobody, it was a fault */
    uint64_t address;
    mono_t at[STATE_CRASHES];
};

struct state_totals {
    uint64_t spawned, reaped, orphans; /* children started; all reaped; of these not ours by name */
    uint64_t spawn_refused, reloads;
};

struct state; /* the mapping */

/* A new state, with room for the environment and argv of the start; NULL and the reason. Where the
 * limit of file sizes allows no file of that length, it is memory without one. */
struct state *state_new(struct err *e);
void state_free(struct state **s);
/* Goes on from the state in this descriptor, which belongs to it then. One of the version before is
 * copied into a new memfd, which has room for what that one did not know; one of the next version
 * is used as it is, and what we do not know of it stays. NULL and the reason; fd stays the
 * caller's. */
struct state *state_open(int fd, struct err *e);
/* Once that is ours alone: makes a commit whole that was cut short, before another takes its place.
 */
void state_finish(struct state *s);
/* The memfd, or -1. */
int state_fd(const struct state *s);
/* Writes down what a resumed supd needs of its own start; once, early. */
int state_note_start(struct state *s, char *const *argv, char *const *env,
                     const struct sigs_entry *entry, struct err *e);

/* The limit of file sizes of the start, which had to be lifted before there was a state. */
void state_note_fsize(struct state *s, const struct rlimit *fsize);

/* A free slot, zeroed (the process never ran), or -1 with the reason: out of room or memory. */
int64_t state_slot_new(struct state *s, struct err *e);
void state_slot_free(struct state *s, uint32_t slot);
/* The committed record. Valid until the next put of this slot; never NULL. */
const struct state_rec *state_get(const struct state *s, uint32_t slot);
/* True if it is whole: its CRC fits. */
bool state_good(const struct state *s, uint32_t slot);
/* Commits a record. */
void state_put(struct state *s, uint32_t slot, const struct state_rec *rec);
/* The restart times that its retry_window looks at; touched only by processes that have one. */
struct proc_window *state_window(struct state *s, uint32_t slot);
/* The cell that a spawn of this slot writes to; stays valid as long as the state. */
struct spawn_cell *state_cell(struct state *s, uint32_t slot);
struct state_totals *state_totals(struct state *s);
struct state_link *state_link(const struct state *s, uint32_t slot);
struct state_kept *state_kept(const struct state *s);
struct state_crash *state_crash(const struct state *s);
/* Slots that were ever used are below this; true if one is in use now. */
uint32_t state_nslots(const struct state *s);
bool state_used(const struct state *s, uint32_t slot);

/* STATE_SOCKETS of them. */
struct state_socket *state_sockets(const struct state *s);
/* The memory of the sockets of fcgi-programs (fcgi.h), its descriptor; 0: there is none. */
int32_t *state_fcgi(const struct state *s);
/* STATE_ERRANDS of them, all zero until they are used. */
struct state_errand *state_errands(const struct state *s);
struct state_errand_totals *state_errand_totals(const struct state *s);

/* The memory of event listeners (listenmem.h), its descriptor; 0: there is none. */
int32_t *state_listeners(const struct state *s);
/* Which image of supd goes on from this state: the next one's number is one more. */
uint32_t state_image(const struct state *s);

/* A generation in use: its memfd by its id. -1 when there are too many. */
int state_gen_add(struct state *s, uint32_t id, int fd);
void state_gen_del(struct state *s, uint32_t id);
/* The i-th of them, i < STATE_GENS_MAX; false: none is there. */
bool state_gen_at(const struct state *s, uint32_t i, uint32_t *out_id, int *out_fd);

/* Keeps a text, which takes room for ever: for what hardly changes. -1: no room. */
int state_note_text(struct state *s, enum state_text which, const char *text);
/* The text; NULL if there is none. */
const char *state_text(const struct state *s, enum state_text which);

/* The start: when, its signals, and its arguments and environment as NULL-terminated arrays that
 * lie in the state but for the array itself (free it) and extra, a last string that may be NULL.
 * NULL when there is no memory. */
mono_t state_started(const struct state *s);
void state_entry(const struct state *s, struct sigs_entry *out);
char **state_argv(const struct state *s);
char **state_environ(const struct state *s, char *extra);

/* Calls fn for each descriptor that the state names and that has to survive an exec; may be called
 * in a signal handler. */
void state_each_fd(const struct state *s, void (*fn)(int fd));

#endif
