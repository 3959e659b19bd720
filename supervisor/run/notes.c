/* The memory of notes: sparse, one record for each slot of the state. */
#include "supervisor/run/notes.h"
#include "supervisor/base/fd.h"
#include "supervisor/run/sup.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x3145544f4e505553) /* "SUPNOTE1" */
#define USED_AT 4096u /* a bit for each slot: who reads a record that is not used makes it */
#define AT (USED_AT + STATE_SLOTS_MAX / 8) /* of the first record */
#define SIZE (AT + (size_t)STATE_SLOTS_MAX * sizeof(struct note))

struct notes {
    int fd; /* -1: memory without a file */
    char *map;
};

/* A later version adds fields to the end of a record, and its magic number is another one then. */
struct notes_head {
    uint64_t magic, size;
};

static struct note *record(const struct notes *n, uint32_t slot)
{
    return (struct note *)(void *)(n->map + AT) + slot;
}

static uint8_t *used_byte(const struct notes *n, uint32_t slot)
{
    return (uint8_t *)n->map + USED_AT + slot / 8;
}

static bool is_used(const struct notes *n, uint32_t slot)
{
    return *used_byte(n, slot) >> slot % 8 & 1;
}

static bool map_it(struct notes *n)
{
    n->map = fd_map(n->fd, SIZE);
    return n->map;
}

/* As with the state: where no file may be that long, there is none. */
static struct notes *make(bool with_file)
{
    struct notes *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    n->fd = with_file ? fd_memory("supd-notes", true) : -1;
    if (n->fd >= 0 && ftruncate(n->fd, (off_t)SIZE) < 0)
        fd_close(&n->fd);
    if (!map_it(n)) {
        int saved = errno;
        notes_free(&n);
        errno = saved;
        return NULL;
    }
    *(struct notes_head *)(void *)n->map = (struct notes_head){MAGIC, SIZE};
    return n;
}

struct note *notes_at(struct sup *s, uint32_t slot, bool want)
{
    if (!s->notes && want) {
        s->notes = make(state_fd(s->state) >= 0);
        if (s->notes && s->notes->fd > 0)
            state_kept(s->state)->notes = s->notes->fd;
    }
    if (s->notes && want)
        *used_byte(s->notes, slot) |= (uint8_t)(1u << slot % 8);
    return s->notes && is_used(s->notes, slot) ? record(s->notes, slot) : NULL;
}

void notes_clear(struct sup *s, uint32_t slot)
{
    struct note *note = notes_at(s, slot, false);
    if (!note)
        return;
    if (note->pipe > 0)
        close(note->pipe);
    *note = (struct note){0};
    *used_byte(s->notes, slot) &= (uint8_t) ~(1u << slot % 8);
}

int notes_check(int fd, struct err *e)
{
    struct notes_head head;
    struct stat st;
    bool sound = fd > 0 && fstat(fd, &st) == 0 && (size_t)st.st_size == SIZE &&
                 pread(fd, &head, sizeof(head), 0) == sizeof(head) && head.magic == MAGIC &&
                 head.size == SIZE;
    return sound || !fd ? 0 : err_set(e, "what programs said of themselves is in another form");
}

int notes_go_on(struct sup *s, struct err *e)
{
    int fd = state_kept(s->state)->notes;
    if (fd <= 0)
        return 0;
    struct notes *n = calloc(1, sizeof(*n));
    if (!n)
        return err_errno(e, ENOMEM, "cannot go on with what programs said");
    n->fd = fd;
    if (notes_check(fd, e) < 0 || !map_it(n)) {
        free(n);
        return err_set(e, "what programs said of themselves cannot be read");
    }
    s->notes = n;
    return 0;
}

void notes_free(struct notes **np)
{
    struct notes *n = *np;
    *np = NULL;
    if (!n)
        return;
    if (n->map)
        munmap(n->map, SIZE);
    fd_close(&n->fd);
    free(n);
}

void notes_each_fd(const struct notes *n, uint32_t nslots, void (*fn)(int fd))
{
    if (!n || n->fd < 0)
        return;
    fn(n->fd);
    for (uint32_t i = 0; i < nslots && i < STATE_SLOTS_MAX; i++) {
        if (!is_used(n, i))
            continue;
        if (record(n, i)->socket > 0)
            fn(record(n, i)->socket);
        if (record(n, i)->pipe > 0)
            fn(record(n, i)->pipe);
    }
}
