/* The layout of the state memfd: head, commit, start text, one slot per process, their windows,
 * errands.
 * Included by state.c and stateopen.c only. */
#ifndef RUN_STATE_IMPL_H
#define RUN_STATE_IMPL_H

#include "supervisor/run/state.h"

#include <stddef.h>
#include <sys/resource.h>

#define TEXT_MAX (8u << 20) /* more than the 6 MiB that the kernel hands to an exec */

struct slot {
    struct spawn_cell cell;
    uint32_t used;
    uint32_t crc; /* of rec */
    struct state_link link;
    struct state_rec rec; /* the last one: a later version has more of it */
};

/* The commit under way: what its slot is to hold, written before the slot is touched. */
struct commit {
    uint32_t slot; /* plus 1; 0: none, all slots are whole */
    uint32_t crc;  /* of rec */
    struct state_rec rec;
};

struct state_gen {
    uint32_t id; /* 0: free */
    int32_t fd;
};

/* A later version adds fields at its end; sizes and places say where the rest is. */
struct head {
    uint64_t magic;
    uint32_t version, head_size, slot_size, rec_size;
    uint64_t windows_at, map_size;
    uint32_t nslots;               /* slots that were ever used: those below this */
    uint32_t argc, envc, text_len; /* the start: NUL-terminated strings, argv then environment */
    wall_t started_wall;
    mono_t started;
    uint64_t entry_mask, entry_ignored;
    struct rlimit nofile, nproc, fsize;
    struct state_totals totals;
    struct state_kept kept;
    struct state_crash crash;
    uint32_t texts[16]; /* offsets in the text, plus 1; 0: none */
    struct state_gen gens[STATE_GENS_MAX];
    uint64_t errands_at;
    struct state_errand_totals errands;
    /* from version 5 on */
    int32_t fcgi;      /* the memory of the sockets of fcgi-programs (fcgi.h); 0: none */
    int32_t listeners; /* the memory of event listeners (listenmem.h); 0: none */
    struct state_socket sockets[STATE_SOCKETS];
};

#define COMMIT_AT 3072u
#define TEXT_AT 4096u
#define SLOTS_AT (TEXT_AT + TEXT_MAX)
#define WINDOWS_AT (SLOTS_AT + (size_t)STATE_SLOTS_MAX * sizeof(struct slot))
#define ERRANDS_AT (WINDOWS_AT + (size_t)STATE_SLOTS_MAX * sizeof(struct proc_window))
#define MAP_SIZE (ERRANDS_AT + (size_t)STATE_ERRANDS * sizeof(struct state_errand))

_Static_assert(offsetof(struct state_kept, notes) + 4 == offsetof(struct state_kept, socket_gid),
               "it fills a gap: who does not know it finds all else in its place");
_Static_assert(sizeof(struct head) <= COMMIT_AT, "the head has grown into the commit");
_Static_assert(COMMIT_AT + sizeof(struct commit) <= TEXT_AT, "the commit has grown into the text");
_Static_assert((int)STATE_NTEXTS <= 16, "more texts than places for them");

/* Keeps the compiler from moving stores over it: a crash then leaves a prefix of them. */
#define IN_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

struct state {
    int fd;
    char *map;
    uint32_t first_free;          /* no slot below is free */
    uint32_t slot_size, rec_size; /* as the head says */
};

static inline struct head *head_of(const struct state *s)
{
    return (struct head *)(void *)s->map;
}

static inline struct slot *slot_of(const struct state *s, uint32_t i)
{
    return (struct slot *)(void *)(s->map + SLOTS_AT + (size_t)i * s->slot_size);
}

static inline struct commit *commit_of(const struct state *s)
{
    return (struct commit *)(void *)(s->map + COMMIT_AT);
}

/* Maps its descriptor, or memory without one. 0, or -1 and the reason. */
int state_map(struct state *s, size_t size, struct err *e);
/* The CRC of a record that lies in the state, with what a later version has of it. */
uint32_t state_crc(const struct state *s, const struct state_rec *rec);

#endif
