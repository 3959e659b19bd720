/* The memory of the sockets of fcgi-programs. */
#include "supervisor/run/fcgi_mem.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"

#include <errno.h>
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
    m->map = fd_map(m->fd, SIZE);
    return m->map;
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
    return map_it(m) ? 0 : err_errno(e, errno, "cannot map the sockets of fcgi-programs");
}

void fcgi_mem_close(struct fcgi_mem *m)
{
    if (m->map)
        munmap(m->map, SIZE);
    m->map = NULL;
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
    return r;
}

struct fcgi_rec *fcgi_mem_find(struct fcgi_mem *m, const char *url, bool make)
{
    uint32_t hash = crc32_of(url, strlen(url));
    for (uint32_t i = 0; i < fcgi_mem_n(m); i++) {
        struct fcgi_rec *r = fcgi_mem_at(m, i);
        if (r->used && r->hash == hash && strcmp(r->url, url) == 0)
            return r;
    }
    return make ? make_one(m, url, hash) : NULL;
}
