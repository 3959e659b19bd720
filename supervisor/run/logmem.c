/* supd's side of the memory shared with supd-log. */
#include "supervisor/run/logmem.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAMS_LEAST 256u

static struct logshm_head layout_of(uint32_t nstreams, int64_t memory)
{
    struct logshm_head layout;
    memset(&layout, 0, sizeof(layout));
    logshm_layout(&layout, nstreams, memory);
    return layout;
}

uint64_t logmem_least(void)
{
    return layout_of(STREAMS_LEAST, LOGSHM_MEMORY_MIN).size;
}

/* As asked for, or what the limit of file sizes leaves of it: first less memory, then fewer
 * streams. */
static struct logshm_head layout_that_fits(int64_t memory)
{
    uint32_t nstreams = LOGSHM_STREAMS_MAX;
    struct rlimit r;
    struct logshm_head layout = layout_of(nstreams, memory);
    if (getrlimit(RLIMIT_FSIZE, &r) < 0 || r.rlim_cur >= layout.size)
        return layout;
    memory = LOGSHM_MEMORY_MIN;
    while (nstreams > STREAMS_LEAST && layout_of(nstreams, memory).size > r.rlim_cur)
        nstreams /= 2;
    log_warn("the limit of file sizes, %llu bytes, leaves memory for %u log streams and %lld bytes "
             "of output",
             (unsigned long long)r.rlim_cur, nstreams, (long long)memory);
    return layout_of(nstreams, memory);
}

static int map_head(struct logmem *m, uint64_t size, struct err *e)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    if (at == MAP_FAILED)
        return err_errno(e, errno, "cannot map the memory for log output");
    m->h = at;
    return 0;
}

int logmem_init(struct logmem *m, int64_t memory, struct err *e)
{
    memset(m, 0, sizeof(*m));
    struct logshm_head layout = layout_that_fits(memory);
    m->fd = fd_memory("supd-log", true);
    if (m->fd < 0)
        return err_errno(e, errno, "cannot make memory for log output");
    if (ftruncate(m->fd, (off_t)layout.size) < 0) {
        err_errno(e, errno, "cannot make %llu bytes of memory for log output",
                  (unsigned long long)layout.size);
        fd_close(&m->fd);
        return -1;
    }
    fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    if (map_head(m, layout.descs, e) < 0) {
        fd_close(&m->fd);
        return -1;
    }
    *m->h = layout;
    m->h->chan = -1;
    m->h->sentinel = rng_entropy();
    m->h->string_end = LOGMEM_CLASS;
    return 0;
}

/* What is free was never written down in one piece. */
static void find_free_slots(struct logmem *m)
{
    for (uint32_t i = m->h->used; i-- > 0;) {
        struct logshm_stream *s = logshm_stream(m->h, i);
        if (s->state != LOGSHM_FREE)
            continue;
        s->fd = (int32_t)m->free_slot;
        m->free_slot = i + 1;
    }
}

static int read_head(int fd, struct logshm_head *out, struct err *e)
{
    struct stat st;
    ssize_t n = fstat(fd, &st) < 0 ? -1 : pread(fd, out, sizeof(*out), 0);
    if (n < 0)
        return err_errno(e, errno, "cannot read the memory for log output");
    if (n < (ssize_t)sizeof(*out) || !logshm_good(out, (uint64_t)st.st_size))
        return err_set(e, "the running supd keeps its log streams in a version that this one does "
                          "not know");
    return 0;
}

int logmem_check(int fd, struct err *e)
{
    struct logshm_head head;
    return read_head(fd, &head, e);
}

int logmem_open(struct logmem *m, int fd, struct err *e)
{
    struct logshm_head head;
    memset(m, 0, sizeof(*m));
    m->fd = -1;
    if (read_head(fd, &head, e) < 0)
        return -1;
    m->fd = fd;
    if (map_head(m, head.descs, e) < 0) {
        m->fd = -1;
        return -1;
    }
    find_free_slots(m);
    return 0;
}

void logmem_fini(struct logmem *m)
{
    if (m->h)
        munmap(m->h, m->h->descs);
    m->h = NULL;
    fd_close(&m->fd);
}

int64_t logmem_slot_new(struct logmem *m, struct err *e)
{
    uint32_t slot = m->free_slot - 1;
    if (m->free_slot)
        m->free_slot = (uint32_t)logshm_stream(m->h, slot)->fd;
    else if (m->h->used < m->h->nstreams)
        slot = m->h->used;
    else
        return err_set(e, "more than %u log streams", m->h->nstreams);
    if (logshm_stream(m->h, slot)->flags & LOGSHM_USED)
        memset(logshm_progress(m->h, slot), 0, sizeof(struct logshm_progress));
    if (logshm_stream(m->h, slot)->sided)
        memset(logshm_side(m->h, slot), 0, sizeof(struct logshm_side));
    memset(logshm_stream(m->h, slot), 0, sizeof(struct logshm_stream));
    if (slot == m->h->used)
        m->h->used++;
    return slot;
}

void logmem_slot_free(struct logmem *m, uint32_t slot)
{
    struct logshm_stream *s = logshm_stream(m->h, slot);
    logmem_share_free(m, &s->program);
    logmem_share_free(m, &s->name);
    logmem_share_free(m, &s->folder);
    logmem_string_free(m, &s->path);
    s->state = LOGSHM_FREE;
    s->fd = (int32_t)m->free_slot;
    m->free_slot = slot + 1;
}

/* ---- strings: pieces of a multiple of LOGMEM_CLASS bytes ---- */

static uint32_t class_of(size_t bytes)
{
    return (uint32_t)((bytes + LOGMEM_CLASS - 1) / LOGMEM_CLASS);
}

static char *piece(const struct logmem *m, uint32_t off)
{
    return (char *)logshm_at(m->h, m->h->strings) + off;
}

static int64_t piece_new(struct logmem *m, size_t bytes, struct err *e)
{
    uint32_t class = class_of(bytes), off;
    if (class >= LOGSHM_CLASSES)
        return err_set(e, "longer than %u bytes", (LOGSHM_CLASSES - 1) * LOGMEM_CLASS - 1);
    if ((off = m->h->free_string[class])) {
        memcpy(&m->h->free_string[class], piece(m, off), sizeof(uint32_t));
    } else if (m->h->string_end + class * LOGMEM_CLASS <= m->h->descs - m->h->strings) {
        off = m->h->string_end;
        m->h->string_end += class * LOGMEM_CLASS;
    } else {
        return err_set(e, "the names and paths of all log streams need more than %u KiB",
                       (unsigned)((m->h->descs - m->h->strings) >> 10));
    }
    return off;
}

static void piece_free(struct logmem *m, uint32_t off, size_t bytes)
{
    uint32_t class = class_of(bytes);
    memset(piece(m, off), 0, class * LOGMEM_CLASS);
    memcpy(piece(m, off), &m->h->free_string[class], sizeof(uint32_t));
    m->h->free_string[class] = off;
}

int64_t logmem_string(struct logmem *m, const char *text, struct err *e)
{
    if (!text || !*text)
        return 0;
    size_t bytes = strlen(text) + 1;
    int64_t off = piece_new(m, bytes, e);
    if (off < 0)
        return err_prefix(e, "%.80s...", text);
    memcpy(piece(m, (uint32_t)off), text, bytes);
    return off;
}

void logmem_string_free(struct logmem *m, uint32_t *off)
{
    if (*off)
        piece_free(m, *off, strlen(piece(m, *off)) + 1);
    *off = 0;
}

/* ---- shared strings: a number of users in front of the text ---- */

typedef uint32_t users_t;

static users_t *users_of(const struct logmem *m, uint32_t off)
{
    return (users_t *)(void *)piece(m, off - (uint32_t)sizeof(users_t));
}

/* its place among the latest; LOGSHM_LATEST: it is not one of them */
static uint32_t find_latest(const struct logmem *m, const char *text, size_t n)
{
    uint32_t i = 0;
    for (; i < LOGSHM_LATEST; i++) {
        const char *have = m->h->latest[i] ? piece(m, m->h->latest[i]) : "";
        if (strncmp(have, text, n) == 0 && !have[n])
            break;
    }
    return i;
}

/* puts a text before the others, from its old place or in place of the last one */
static void make_first(struct logmem *m, uint32_t off, uint32_t old)
{
    old = old < LOGSHM_LATEST ? old : LOGSHM_LATEST - 1;
    memmove(&m->h->latest[1], &m->h->latest[0], old * sizeof(m->h->latest[0]));
    m->h->latest[0] = off;
}

int64_t logmem_share(struct logmem *m, const char *text, size_t n, struct err *e)
{
    if (!n)
        return 0;
    uint32_t i = find_latest(m, text, n);
    if (i < LOGSHM_LATEST) {
        make_first(m, m->h->latest[i], i);
        ++*users_of(m, m->h->latest[0]);
        return m->h->latest[0];
    }
    int64_t at = piece_new(m, sizeof(users_t) + n + 1, e);
    if (at < 0)
        return err_prefix(e, "%.80s...", text);
    uint32_t off = (uint32_t)at + (uint32_t)sizeof(users_t);
    memcpy(piece(m, off), text, n);
    piece(m, off)[n] = '\0';
    *users_of(m, off) = 1;
    make_first(m, off, LOGSHM_LATEST);
    return off;
}

void logmem_share_free(struct logmem *m, uint32_t *offp)
{
    uint32_t off = *offp;
    *offp = 0;
    if (!off || --*users_of(m, off))
        return;
    for (uint32_t i = 0; i < LOGSHM_LATEST; i++)
        if (m->h->latest[i] == off)
            m->h->latest[i] = 0;
    piece_free(m, off - (uint32_t)sizeof(users_t), sizeof(users_t) + strlen(piece(m, off)) + 1);
}
