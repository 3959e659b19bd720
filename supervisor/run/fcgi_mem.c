/* The memory of the sockets of fcgi-programs. */
#include "supervisor/run/fcgi_mem.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x3149474346505553) /* "SUPFCGI1" */
#define AT 64u                             /* of the first record */
#define SIZE (AT + FCGI_MAX * sizeof(struct fcgi_rec))

/* A later version that changes a record has another magic number. */
struct head {
    uint64_t magic, size;
    uint32_t n;
};

_Static_assert(sizeof(struct head) <= AT && AT % 8 == 0, "the head has grown into the records");

static struct head *head_of(const struct fcgi_mem *m)
{
    return (struct head *)(void *)m->map;
}

static bool map_it(struct fcgi_mem *m)
{
    m->index = calloc(FCGI_PLACES, sizeof(*m->index));
    m->map = m->index ? fd_map(m->fd, SIZE) : NULL;
    if (!m->map)
        free(m->index);
    return m->map;
}

/* ---- finding ---- */

static void put_in(struct fcgi_mem *m, uint32_t i)
{
    uint32_t at = fcgi_mem_at(m, i)->hash % FCGI_PLACES;
    while (m->index[at])
        at = (at + 1) % FCGI_PLACES;
    m->index[at] = (uint16_t)(i + 1);
    m->indexed++;
}

static void index_all(struct fcgi_mem *m)
{
    memset(m->index, 0, FCGI_PLACES * sizeof(*m->index));
    m->indexed = 0;
    for (uint32_t i = 0; i < fcgi_mem_n(m); i++)
        if (fcgi_mem_at(m, i)->used)
            put_in(m, i);
}

/* Those that are not used any more stay in it, until they are too many. */
static void add_to_index(struct fcgi_mem *m, uint32_t i)
{
    if (m->indexed >= FCGI_PLACES / 2)
        index_all(m); /* with this one */
    else
        put_in(m, i);
}

int fcgi_mem_make(struct fcgi_mem *m, bool with_file)
{
    m->fd = with_file ? fd_memory("supd-fcgi", true) : -1;
    if (m->fd >= 0 && ftruncate(m->fd, (off_t)SIZE) < 0)
        fd_close(&m->fd);
    if (!map_it(m)) {
        fd_close(&m->fd);
        return -1;
    }
    *head_of(m) = (struct head){.magic = MAGIC, .size = SIZE};
    return 0;
}

int fcgi_mem_check(int fd, struct err *e)
{
    struct head head;
    struct stat st;
    bool sound = fd > 0 && fstat(fd, &st) == 0 && (size_t)st.st_size == SIZE &&
                 pread(fd, &head, sizeof(head), 0) == sizeof(head) && head.magic == MAGIC &&
                 head.size == SIZE && head.n <= FCGI_MAX;
    return sound || !fd ? 0 : err_set(e, "the sockets of fcgi-programs are kept in another form");
}

int fcgi_mem_open(struct fcgi_mem *m, int fd, struct err *e)
{
    if (fcgi_mem_check(fd, e) < 0)
        return -1;
    m->fd = fd;
    if (!map_it(m))
        return err_errno(e, errno, "cannot map the sockets of fcgi-programs");
    index_all(m);
    return 0;
}

void fcgi_mem_close(struct fcgi_mem *m)
{
    if (m->map)
        munmap(m->map, SIZE);
    m->map = NULL;
    free(m->index);
    m->index = NULL;
    fd_close(&m->fd);
}

uint32_t fcgi_mem_n(const struct fcgi_mem *m)
{
    return head_of(m)->n;
}

struct fcgi_rec *fcgi_mem_at(const struct fcgi_mem *m, uint32_t i)
{
    return (struct fcgi_rec *)(void *)(m->map + AT) + i;
}

static struct fcgi_rec *make_one(struct fcgi_mem *m, const char *url, uint32_t hash)
{
    uint32_t i = 0, n = fcgi_mem_n(m);
    while (i < n && fcgi_mem_at(m, i)->used)
        i++;
    if (i == FCGI_MAX || strlen(url) >= FCGI_URL_MAX)
        return NULL;
    struct fcgi_rec *r = fcgi_mem_at(m, i);
    *r = (struct fcgi_rec){.hash = hash};
    memcpy(r->url, url, strlen(url) + 1);
    if (i == n)
        head_of(m)->n = n + 1;
    __atomic_store_n(&r->used, 1, __ATOMIC_RELEASE);
    add_to_index(m, i);
    return r;
}

struct fcgi_rec *fcgi_mem_find(struct fcgi_mem *m, const char *url, bool make)
{
    uint32_t hash = crc32_of(url, strlen(url));
    for (uint32_t at = hash % FCGI_PLACES; m->index[at]; at = (at + 1) % FCGI_PLACES) {
        struct fcgi_rec *r = fcgi_mem_at(m, m->index[at] - 1u);
        if (r->used && r->hash == hash && strcmp(r->url, url) == 0)
            return r;
    }
    return make ? make_one(m, url, hash) : NULL;
}
