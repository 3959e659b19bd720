/* The state memfd: head, start text, then one slot per process. */
#include "supervisor/run/state_impl.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fault.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

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

int state_map(struct state *s, size_t size, struct err *e)
{
    s->map = fd_map(s->fd, size);
    return s->map ? 0 : err_errno(e, errno, "cannot map the state memory");
}

static void set_layout(struct head *h)
{
    h->magic = STATE_MAGIC;
    h->version = STATE_VERSION;
    h->head_size = sizeof(struct head);
    h->slot_size = sizeof(struct slot);
    h->rec_size = sizeof(struct state_rec);
    h->windows_at = WINDOWS_AT;
    h->errands_at = ERRANDS_AT;
    h->map_size = MAP_SIZE;
}

static struct state *state_alloc(struct err *e)
{
    struct state *s = calloc(1, sizeof(*s));
    if (!s)
        err_errno(e, ENOMEM, "cannot make the state memory");
    else
        s->fd = -1;
    return s;
}

/* Sparse, and mapped as a whole: only what is used costs memory, and addresses never change. */
struct state *state_new(struct err *e)
{
    struct state *s = state_alloc(e);
    if (!s)
        return NULL;
    s->fd = fd_memory("supd-state", true);
    int r = size_file(&s->fd) < 0 ? err_errno(e, errno, "cannot make the state memory")
                                  : state_map(s, MAP_SIZE, e);
    if (r < 0) {
        state_free(&s);
        return NULL;
    }
    struct head *h = head_of(s);
    *h = (struct head){.started = mono_now(), .started_wall = wall_now()};
    set_layout(h);
    s->slot_size = h->slot_size;
    s->rec_size = h->rec_size;
    getrlimit(RLIMIT_NOFILE, &h->nofile);
    getrlimit(RLIMIT_NPROC, &h->nproc);
    return s;
}

void state_free(struct state **s)
{
    if (!s || !*s)
        return;
    if ((*s)->map)
        munmap((*s)->map, head_of(*s)->map_size);
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
    memset(slot_of(s, i), 0, s->slot_size);
    slot_of(s, i)->used = 1;
    return i;
}

void state_slot_free(struct state *s, uint32_t slot)
{
    slot_of(s, slot)->used = 0;
    if (slot < s->first_free)
        s->first_free = slot;
}

/* of a record that lies in the state, with what a later version has of it */
uint32_t state_crc(const struct state *s, const struct state_rec *rec)
{
    return crc32_of(rec, s->rec_size);
}

/* The commit that was cut short in this slot, or NULL. One that is not whole never began there. */
static const struct commit *cut_short(const struct state *s, uint32_t slot)
{
    const struct commit *c = commit_of(s);
    return c->slot == slot + 1 && c->crc == state_crc(s, &c->rec) ? c : NULL;
}

const struct state_rec *state_get(const struct state *s, uint32_t slot)
{
    const struct commit *c = cut_short(s, slot);
    return c ? &c->rec : &slot_of(s, slot)->rec;
}

bool state_good(const struct state *s, uint32_t slot)
{
    const struct slot *sl = slot_of(s, slot);
    return cut_short(s, slot) || sl->crc == state_crc(s, &sl->rec);
}

/* What a later version has behind a record as we know it. */
static void copy_rest(const struct state *s, struct state_rec *to, const struct state_rec *from)
{
    if (s->rec_size > sizeof(*to))
        memcpy(to + 1, from + 1, s->rec_size - sizeof(*to));
}

void state_put(struct state *s, uint32_t slot, const struct state_rec *rec)
{
    struct commit *c = commit_of(s);
    struct slot *sl = slot_of(s, slot);
    c->rec = *rec;
    copy_rest(s, &c->rec, &sl->rec);
    c->crc = state_crc(s, &c->rec);
    IN_ORDER();
    FAULT_POINT();
    c->slot = slot + 1;
    IN_ORDER();
    FAULT_POINT();
    sl->rec = c->rec;
    FAULT_POINT();
    sl->crc = c->crc;
    IN_ORDER();
    c->slot = 0;
    FAULT_POINT();
}

struct proc_window *state_window(struct state *s, uint32_t slot)
{
    return (struct proc_window *)(void *)(s->map + head_of(s)->windows_at) + slot;
}

struct spawn_cell *state_cell(struct state *s, uint32_t slot)
{
    return &slot_of(s, slot)->cell;
}

struct state_totals *state_totals(struct state *s)
{
    return &head_of(s)->totals;
}

struct state_link *state_link(const struct state *s, uint32_t slot)
{
    return &slot_of(s, slot)->link;
}

struct state_kept *state_kept(const struct state *s)
{
    return &head_of(s)->kept;
}

struct state_crash *state_crash(const struct state *s)
{
    return &head_of(s)->crash;
}

uint32_t state_nslots(const struct state *s)
{
    return head_of(s)->nslots;
}

bool state_used(const struct state *s, uint32_t slot)
{
    return slot_of(s, slot)->used;
}

/* ---- generations ---- */

int state_gen_add(struct state *s, uint32_t id, int fd)
{
    struct state_gen *v = head_of(s)->gens;
    uint32_t i = 0;
    while (i < STATE_GENS_MAX && v[i].id)
        i++;
    if (i == STATE_GENS_MAX)
        return -1;
    v[i].fd = fd;
    IN_ORDER();
    v[i].id = id;
    return 0;
}

void state_gen_del(struct state *s, uint32_t id)
{
    struct state_gen *v = head_of(s)->gens;
    for (uint32_t i = 0; i < STATE_GENS_MAX; i++)
        if (v[i].id == id)
            v[i].id = 0;
}

bool state_gen_at(const struct state *s, uint32_t i, uint32_t *out_id, int *out_fd)
{
    const struct state_gen *g = &head_of(s)->gens[i];
    *out_id = g->id;
    *out_fd = g->fd;
    return g->id;
}

/* ---- texts ---- */

int state_note_text(struct state *s, enum state_text which, const char *text)
{
    struct head *h = head_of(s);
    const char *had = state_text(s, which);
    if (!text || (had && strcmp(had, text) == 0))
        return 0;
    size_t n = strlen(text) + 1;
    if (n > TEXT_MAX - h->text_len)
        return -1;
    uint32_t at = h->text_len;
    memcpy(s->map + TEXT_AT + at, text, n);
    h->text_len += (uint32_t)n;
    IN_ORDER();
    h->texts[which] = at + 1;
    return 0;
}

const char *state_text(const struct state *s, enum state_text which)
{
    uint32_t at = head_of(s)->texts[which];
    return at ? s->map + TEXT_AT + at - 1 : NULL;
}

struct state_errand *state_errands(const struct state *s)
{
    return (struct state_errand *)(void *)(s->map + head_of(s)->errands_at);
}

int32_t *state_fcgi(const struct state *s)
{
    return &head_of(s)->fcgi;
}

uint32_t state_image(const struct state *s)
{
    return state_kept(s)->upgrades + state_kept(s)->crashes;
}

int32_t *state_listeners(const struct state *s)
{
    return &head_of(s)->listeners;
}

struct state_errand_totals *state_errand_totals(const struct state *s)
{
    return &head_of(s)->errands;
}

struct state_socket *state_sockets(const struct state *s)
{
    return head_of(s)->sockets;
}
