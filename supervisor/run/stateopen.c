/* Going on from a state memfd: whose it is, what it was made by, and what of it an exec takes. */
#include "supervisor/base/fd.h"
#include "supervisor/run/state_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening ---- */

static int read_head(int fd, struct head *out, struct err *e)
{
    ssize_t n = pread(fd, out, sizeof(*out), 0);
    if (n < 0)
        return err_errno(e, errno, "cannot read the state memory");
    if (n < (ssize_t)sizeof(*out) || out->magic != STATE_MAGIC)
        return err_set(e, "that is no state memory of supd");
    return 0;
}

static bool errands_fit(const struct head *h, uint64_t size)
{
    uint64_t length = (uint64_t)STATE_ERRANDS * sizeof(struct state_errand);
    return h->errands_at >= h->windows_at && h->errands_at <= size &&
           length <= size - h->errands_at && h->errands_at % sizeof(uint64_t) == 0;
}

/* Sizes that this version and its neighbours could have made. */
static bool is_sound(const struct head *h, uint64_t size)
{
    uint64_t slots = (uint64_t)STATE_SLOTS_MAX * h->slot_size;
    uint64_t windows = (uint64_t)STATE_SLOTS_MAX * sizeof(struct proc_window);
    return h->head_size >= offsetof(struct head, fcgi) && h->head_size <= COMMIT_AT &&
           h->rec_size <= h->slot_size &&
           h->slot_size >= sizeof(struct slot) - sizeof(struct state_rec) + h->rec_size &&
           h->slot_size <= 4096 && h->rec_size <= TEXT_AT - COMMIT_AT - sizeof(uint64_t) &&
           h->nslots <= STATE_SLOTS_MAX && h->text_len <= TEXT_MAX &&
           h->windows_at >= SLOTS_AT + slots && h->windows_at <= size &&
           windows <= size - h->windows_at && h->map_size == size && errands_fit(h, size);
}

static int check(int fd, struct head *out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(e, errno, "cannot read the state memory");
    if (read_head(fd, out, e) < 0)
        return -1;
    if (out->version < STATE_OLDEST || out->version > STATE_VERSION + 1)
        return err_set(e, "the running supd keeps its state in version %u, this one knows %u to %u",
                       out->version, STATE_OLDEST, STATE_VERSION + 1);
    if (!is_sound(out, (uint64_t)st.st_size))
        return err_set(e, "the state memory is damaged");
    return 0;
}

static struct state *map_as_is(int fd, const struct head *h, struct err *e)
{
    struct state *s = calloc(1, sizeof(*s));
    if (!s) {
        err_errno(e, ENOMEM, "cannot go on from the state memory");
        return NULL;
    }
    *s = (struct state){.fd = fd, .slot_size = h->slot_size, .rec_size = h->rec_size};
    if (state_map(s, h->map_size, e) == 0)
        return s;
    free(s);
    return NULL;
}

/* ---- one of the version before ---- */

static void copy_head(struct state *to, const struct state *from)
{
    struct head *h = head_of(to), own = *h;
    memcpy(h, head_of(from), head_of(from)->head_size);
    h->errands_at = own.errands_at;
    h->version = own.version;
    h->head_size = own.head_size;
    h->slot_size = own.slot_size;
    h->rec_size = own.rec_size;
    h->windows_at = own.windows_at;
    h->map_size = own.map_size;
    memcpy(to->map + TEXT_AT, from->map + TEXT_AT, h->text_len);
}

static void copy_slot(struct state *to, const struct state *from, uint32_t i)
{
    struct slot *sl = slot_of(to, i);
    bool good = state_good(from, i);
    memcpy(sl, slot_of(from, i), sizeof(*sl) - sizeof(sl->rec));
    memcpy(&sl->rec, state_get(from, i), from->rec_size);
    sl->crc = state_crc(to, &sl->rec) ^ !good;
    *state_window(to, i) = *state_window((struct state *)(uintptr_t)from, i);
}

static struct state *converted(const struct state *from, struct err *e)
{
    struct state *to = state_new(e);
    if (!to)
        return NULL;
    copy_head(to, from);
    for (uint32_t i = 0; i < head_of(to)->nslots; i++)
        if (state_used(from, i))
            copy_slot(to, from, i);
    memcpy(state_errands(to), state_errands(from), STATE_ERRANDS * sizeof(struct state_errand));
    return to;
}

void state_finish(struct state *s)
{
    struct commit *c = commit_of(s);
    uint32_t slot = c->slot - 1;
    if (c->slot && slot < head_of(s)->nslots && c->crc == state_crc(s, &c->rec)) {
        memcpy(&slot_of(s, slot)->rec, &c->rec, s->rec_size);
        slot_of(s, slot)->crc = c->crc;
    }
    IN_ORDER();
    c->slot = 0;
}

struct state *state_open(int fd, struct err *e)
{
    struct head h;
    if (check(fd, &h, e) < 0)
        return NULL;
    struct state *s = map_as_is(fd, &h, e);
    if (!s || (h.slot_size >= sizeof(struct slot) && h.head_size >= sizeof(struct head)))
        return s;
    struct state *grown = converted(s, e);
    s->fd = grown ? fd : -1; /* the caller's, if there is none */
    state_free(&s);
    return grown;
}

/* ---- the start ---- */

mono_t state_started(const struct state *s)
{
    return head_of(s)->started;
}

void state_entry(const struct state *s, struct sigs_entry *out)
{
    const struct head *h = head_of(s);
    sigemptyset(&out->mask);
    for (int sig = 1; sig <= 64; sig++)
        if (h->entry_mask >> (sig - 1) & 1)
            sigaddset(&out->mask, sig);
    out->ignored = h->entry_ignored;
}

static char **strings(const struct state *s, uint32_t skip, uint32_t n, char *extra)
{
    char **v = calloc(n + 2, sizeof(*v));
    char *at = s->map + TEXT_AT;
    for (uint32_t i = 0; v && i < skip + n; i++, at += strlen(at) + 1)
        if (i >= skip)
            v[i - skip] = at;
    if (v)
        v[n] = extra;
    return v;
}

char **state_argv(const struct state *s)
{
    return strings(s, 0, head_of(s)->argc, NULL);
}

char **state_environ(const struct state *s, char *extra)
{
    return strings(s, head_of(s)->argc, head_of(s)->envc, extra);
}

/* ---- what an exec takes ---- */

static void each_socket(const struct state *s, void (*fn)(int fd))
{
    const struct state_socket *v = state_sockets(s);
    for (unsigned i = 0; i < STATE_SOCKETS; i++)
        if (v[i].fd > 0)
            fn(v[i].fd);
}

static void each_kept(const struct state_kept *k, void (*fn)(int fd))
{
    const int32_t fds[] = {k->self, k->log_memory, k->socket, k->journal, k->agent_listen};
    for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] > 0)
            fn(fds[i]);
}

void state_each_fd(const struct state *s, void (*fn)(int fd))
{
    uint32_t id;
    int fd;
    if (s->fd >= 0)
        fn(s->fd);
    each_kept(&head_of(s)->kept, fn);
    each_socket(s, fn);
    for (uint32_t i = 0; i < STATE_GENS_MAX; i++)
        if (state_gen_at(s, i, &id, &fd))
            fn(fd);
    for (uint32_t i = 0; i < head_of(s)->nslots; i++)
        if (state_used(s, i) && state_link(s, i)->stdin_fd > 0)
            fn(state_link(s, i)->stdin_fd);
}
