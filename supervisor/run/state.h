/* The state that must survive a crash or an upgrade of supd: a fixed, pointer-free memfd, current
 * after every transition. A commit is written down beside the records before it is written into its
 * record, each with a CRC, so that one good copy exists at every moment. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

#include "supervisor/core/proc.h"
#include "supervisor/io/sigs.h"
#include "supervisor/io/spawn.h"

#define STATE_MAGIC UINT64_C(0x3145544154535553) /* "SUSTATE1" */
#define STATE_VERSION 2u
#define STATE_SLOTS_MAX 65536u

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
    struct proc_life life;
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

#endif
