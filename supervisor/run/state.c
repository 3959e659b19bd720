/* The state memfd: head, start text, then one slot per process. */
#include "supervisor/run/state.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define TEXT_MAX (8u << 20) /* more than the 6 MiB that the kernel hands to an exec */

struct slot {
    struct spawn_cell cell;
    uint32_t used;
    uint32_t crc; /* of rec */
    struct state_rec rec;
};

/* The commit under way: what its slot is to hold, written before the slot is touched. */
struct commit {
    uint32_t slot; /* plus 1; 0: none, all slots are whole */
    uint32_t crc;  /* of rec */
    struct state_rec rec;
};

struct head {
    uint64_t magic;
    uint32_t version, slot_size;
    uint32_t nslots;               /* slots that were ever used: those below this */
    uint32_t argc, envc, text_len; /* the start: NUL-terminated strings, argv then environment */
    wall_t started_wall;
    mono_t started;
    uint64_t entry_mask, entry_ignored;
    struct rlimit nofile, nproc, fsize;
    struct state_totals totals;
    struct commit commit;
};

#define TEXT_AT 4096u
#define SLOTS_AT (TEXT_AT + TEXT_MAX)
#define WINDOWS_AT (SLOTS_AT + (size_t)STATE_SLOTS_MAX * sizeof(struct slot))
#define MAP_SIZE (WINDOWS_AT + (size_t)STATE_SLOTS_MAX * sizeof(struct proc_window))

/* Keeps the compiler from moving stores over it: a crash then leaves a prefix of them. */
#define IN_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

struct state {
    int fd;
    char *map;
    uint32_t first_free; /* no slot below is free */
};

static struct head *head_of(const struct state *s)
{
    return (struct head *)(void *)s->map;
}

static struct slot *slot_of(const struct state *s, uint32_t i)
{
    return (struct slot *)(void *)(s->map + SLOTS_AT) + i;
}

/* Where no file may be that long, there is none: *fd is -1 then. */
static int size_file(int *fd)
{
    if (*fd < 0)
        return -1;
    if (ftruncate(*fd, MAP_SIZE) == 0)
        return 0;
    if (errno != EFBIG)
        return -1;
    fd_close(fd);
    return 0;
}

/* Sparse, and mapped as a whole: only what is used costs memory, and addresses never change. */
struct state *state_new(struct err *e)
{
    struct state *s = calloc(1, sizeof(*s));
    if (!s) {
        err_errno(e, ENOMEM, "cannot make the state memory");
        return NULL;
    }
    s->fd = fd_memory("supd-state", true);
    if (size_file(&s->fd) < 0) {
        err_errno(e, errno, "cannot make the state memory");
        state_free(&s);
        return NULL;
    }
    int flags = MAP_SHARED | MAP_NORESERVE | (s->fd < 0 ? MAP_ANONYMOUS : 0);
    void *map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, flags, s->fd, 0);
    if (map == MAP_FAILED) {
        err_errno(e, errno, "cannot map the state memory");
        state_free(&s);
        return NULL;
    }
    s->map = map;
    struct head *h = head_of(s);
    *h = (struct head){.magic = STATE_MAGIC,
                       .version = STATE_VERSION,
                       .slot_size = sizeof(struct slot),
                       .started = mono_now(),
                       .started_wall = wall_now()};
    getrlimit(RLIMIT_NOFILE, &h->nofile);
    getrlimit(RLIMIT_NPROC, &h->nproc);
    return s;
}

void state_free(struct state **s)
{
    if (!s || !*s)
        return;
    if ((*s)->map)
        munmap((*s)->map, MAP_SIZE);
    fd_close(&(*s)->fd);
    free(*s);
    *s = NULL;
}

int state_fd(const struct state *s)
{
    return s->fd;
}

static int put_strings(struct state *s, char *const *v, uint32_t *out_n)
{
    struct head *h = head_of(s);
    for (*out_n = 0; v[*out_n]; (*out_n)++) {
        size_t n = strlen(v[*out_n]) + 1;
        if (n > TEXT_MAX - h->text_len)
            return -1;
        memcpy(s->map + TEXT_AT + h->text_len, v[*out_n], n);
        h->text_len += (uint32_t)n;
    }
    return 0;
}

int state_note_start(struct state *s, char *const *argv, char *const *env,
                     const struct sigs_entry *entry, struct err *e)
{
    struct head *h = head_of(s);
    for (int sig = 1; sig <= 64; sig++)
        if (sigismember(&entry->mask, sig) == 1)
            h->entry_mask |= UINT64_C(1) << (sig - 1);
    h->entry_ignored = entry->ignored;
    if (put_strings(s, argv, &h->argc) < 0 || put_strings(s, env, &h->envc) < 0)
        return err_set(e, "arguments and environment are larger than %u bytes", TEXT_MAX);
    return 0;
}

void state_note_fsize(struct state *s, const struct rlimit *fsize)
{
    head_of(s)->fsize = *fsize;
}

int64_t state_slot_new(struct state *s, struct err *e)
{
    struct head *h = head_of(s);
    uint32_t i = s->first_free;
    while (i < h->nslots && slot_of(s, i)->used)
        i++;
    if (i == STATE_SLOTS_MAX)
        return err_set(e, "more than %u processes", STATE_SLOTS_MAX);
    if (i == h->nslots)
        h->nslots++;
    s->first_free = i + 1;
    memset(slot_of(s, i), 0, sizeof(struct slot));
    slot_of(s, i)->used = 1;
    return i;
}

void state_slot_free(struct state *s, uint32_t slot)
{
    slot_of(s, slot)->used = 0;
    if (slot < s->first_free)
        s->first_free = slot;
}

static uint32_t crc_of(const struct state_rec *rec)
{
    return crc32_of(rec, sizeof(*rec));
}

/* The commit that was cut short in this slot, or NULL. One that is not whole never began there. */
static const struct commit *cut_short(const struct state *s, uint32_t slot)
{
    const struct commit *c = &head_of(s)->commit;
    return c->slot == slot + 1 && c->crc == crc_of(&c->rec) ? c : NULL;
}

const struct state_rec *state_get(const struct state *s, uint32_t slot)
{
    const struct commit *c = cut_short(s, slot);
    return c ? &c->rec : &slot_of(s, slot)->rec;
}

bool state_good(const struct state *s, uint32_t slot)
{
    const struct slot *sl = slot_of(s, slot);
    return cut_short(s, slot) || sl->crc == crc_of(&sl->rec);
}

void state_put(struct state *s, uint32_t slot, const struct state_rec *rec)
{
    struct commit *c = &head_of(s)->commit;
    struct slot *sl = slot_of(s, slot);
    c->rec = *rec;
    c->crc = crc_of(&c->rec);
    IN_ORDER();
    c->slot = slot + 1;
    IN_ORDER();
    sl->rec = c->rec;
    sl->crc = c->crc;
    IN_ORDER();
    c->slot = 0;
}

struct proc_window *state_window(struct state *s, uint32_t slot)
{
    return (struct proc_window *)(void *)(s->map + WINDOWS_AT) + slot;
}

struct spawn_cell *state_cell(struct state *s, uint32_t slot)
{
    return &slot_of(s, slot)->cell;
}

struct state_totals *state_totals(struct state *s)
{
    return &head_of(s)->totals;
}
