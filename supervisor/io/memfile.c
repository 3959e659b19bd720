/* Files kept in memory: one entry a path, one copy for each content that somebody still uses. */
#include "supervisor/io/memfile.h"

#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define FRESH DUR_S(60)

/* One content, in a memfd. */
struct copy {
    int refs; /* the entry, and queries */
    int fd;
    size_t n;
    uint32_t crc;
    char path[32]; /* "": there is no /proc, and the file's own is used */
    const struct memfile_maker *maker;
    void *made;
};

struct entry {
    LIST_ENTRY(entry) next;
    struct memfiles *k;
    char *path;
    struct copy *copy;       /* NULL: it could not be read, or has not been yet */
    mono_t read_at;          /* when that was */
    bool stale;              /* whatever its age */
    struct files_read *read; /* under way */
    LIST_HEAD(, part) waiters;
};

struct memfiles {
    struct loop *loop;
    struct files *files;
    LIST_HEAD(, entry) entries;
};

/* A file of a query. */
struct part {
    LIST_ENTRY(part) next; /* of the entry's waiters */
    struct memfile_query *q;
    struct entry *entry; /* NULL: not asked for */
    struct copy *copy;
    bool waits;
};

struct memfile_query {
    struct memfiles *k;
    struct part parts[MEMFILE_PATHS];
    memfile_done_fn *done;
    void *obj;
    struct loop_defer defer;
    bool told;
    char error[512];
};

/* ---- copies ---- */

static void copy_drop(struct copy **cp)
{
    struct copy *c = *cp;
    *cp = NULL;
    if (!c || --c->refs > 0)
        return;
    if (c->made)
        c->maker->free(c->made);
    fd_close(&c->fd);
    free(c);
}

static struct copy *copy_new(const char *text, size_t n)
{
    struct copy *c = mem_zalloc(sizeof(*c));
    c->refs = 1;
    c->n = n;
    c->crc = crc32_of(text, n);
    c->fd = fd_memory("supd-memfile", false);
    if (c->fd < 0 || fd_write_all(c->fd, text, n) < 0)
        return c;
    snprintf(c->path, sizeof(c->path), "/proc/self/fd/%d", c->fd);
    if (access(c->path, R_OK) < 0)
        c->path[0] = '\0';
    return c;
}

/* ---- entries ---- */

static struct entry *entry_of(struct memfiles *k, const char *path)
{
    struct entry *e;
    LIST_FOREACH (e, &k->entries, next) {
        if (strcmp(e->path, path) == 0)
            return e;
    }
    e = mem_zalloc(sizeof(*e));
    e->k = k;
    e->path = mem_strdup(path);
    LIST_INIT(&e->waiters);
    LIST_INSERT_HEAD(&k->entries, e, next);
    return e;
}

static bool is_waiting(const struct memfile_query *q)
{
    for (size_t i = 0; i < MEMFILE_PATHS; i++) {
        if (q->parts[i].waits)
            return true;
    }
    return false;
}

/* The part has its copy, or an error. */
static void part_end(struct part *p, const char *error)
{
    struct memfile_query *q = p->q;
    if (p->waits)
        LIST_REMOVE(p, next);
    p->waits = false;
    if (error && !q->error[0])
        snprintf(q->error, sizeof(q->error), "%s", error);
    if (!error) {
        p->copy = p->entry->copy;
        p->copy->refs++;
    }
    if (error || !is_waiting(q))
        loop_defer(q->k->loop, &q->defer);
}

/* Trouble of the disk's or ours, that says nothing about the file. */
static bool is_passing(int errnum)
{
    return errnum == EAGAIN || errnum == EIO || errnum == ESTALE || errnum == ETIMEDOUT ||
           errnum == EMFILE || errnum == ENFILE;
}

static void take(struct entry *e, const struct files_got *g)
{
    if (!g->text) {
        if (!is_passing(g->errnum))
            copy_drop(&e->copy);
        return;
    }
    e->read_at = loop_now(e->k->loop);
    e->stale = false;
    if (e->copy && e->copy->n == g->n && e->copy->crc == crc32_of(g->text, g->n))
        return;
    copy_drop(&e->copy);
    e->copy = copy_new(g->text, g->n);
}

static void on_read(void *obj, const struct files_got *got, size_t n)
{
    struct entry *e = obj;
    struct part *p, *next;
    static const struct files_got none = {.error = "cannot read files"};
    const struct files_got *g = n ? got : &none;
    take(e, g);
    for (p = LIST_FIRST(&e->waiters); p; p = next) {
        next = LIST_NEXT(p, next);
        part_end(p, g->text ? NULL : g->error);
    }
    files_end(&e->read);
}

static void read_again(struct entry *e)
{
    const char *const paths[] = {e->path};
    if (e->read)
        return;
    e->read = files_start(&(struct files_request){.files = e->k->files,
                                                  .patterns = paths,
                                                  .n = 1,
                                                  .literal = true,
                                                  .done = on_read,
                                                  .obj = e});
}

/* ---- queries ---- */

static void tell(struct memfile_query *q)
{
    if (q->told)
        return;
    q->told = true;
    q->done(q->obj, q->error[0] ? q->error : NULL);
}

static void part_begin(struct memfile_query *q, struct part *p, const char *path)
{
    struct entry *e = entry_of(q->k, path);
    p->q = q;
    p->entry = e;
    bool young = mono_sub(loop_now(q->k->loop), e->read_at).ns < FRESH.ns;
    bool fresh = e->copy && young && !e->stale;
    if (!fresh)
        read_again(e);
    if (e->copy) {
        part_end(p, NULL);
        return;
    }
    p->waits = true;
    LIST_INSERT_HEAD(&e->waiters, p, next);
}

struct memfile_query *memfile_start(struct memfiles *k, const char *const paths[MEMFILE_PATHS],
                                    memfile_done_fn *done, void *obj)
{
    struct memfile_query *q = mem_zalloc(sizeof(*q));
    q->k = k;
    q->done = done;
    q->obj = obj;
    LOOP_DEFER(&q->defer, tell, q);
    for (size_t i = 0; i < MEMFILE_PATHS; i++) {
        if (paths[i])
            part_begin(q, &q->parts[i], paths[i]);
    }
    if (is_waiting(q))
        loop_defer_cancel(k->loop, &q->defer); /* what was there already is not all */
    else
        loop_defer(k->loop, &q->defer);
    return q;
}

const char *memfile_path(const struct memfile_query *q, size_t i)
{
    const struct part *p = &q->parts[i];
    if (!p->entry)
        return NULL;
    return p->copy && p->copy->path[0] ? p->copy->path : p->entry->path;
}

static void make(struct copy *c, const struct memfile_maker *m)
{
    char *text = mem_alloc(c->n + 1);
    c->maker = m;
    if (c->fd >= 0 && pread(c->fd, text, c->n, 0) == (ssize_t)c->n)
        c->made = m->make(text, c->n);
    explicit_bzero(text, c->n);
    free(text);
}

void *memfile_made(const struct memfile_query *q, size_t i, const struct memfile_maker *m)
{
    struct copy *c = q->parts[i].copy;
    if (c && !c->maker)
        make(c, m);
    return c ? c->made : NULL;
}

const char *memfile_waits(const struct memfile_query *q)
{
    for (size_t i = 0; i < MEMFILE_PATHS; i++) {
        if (q->parts[i].waits)
            return q->parts[i].entry->path;
    }
    return NULL;
}

void memfile_end(struct memfile_query **qp)
{
    struct memfile_query *q = *qp;
    *qp = NULL;
    if (!q)
        return;
    loop_defer_cancel(q->k->loop, &q->defer);
    for (size_t i = 0; i < MEMFILE_PATHS; i++) {
        struct part *p = &q->parts[i];
        if (p->waits)
            LIST_REMOVE(p, next);
        copy_drop(&p->copy);
    }
    free(q);
}

/* ---- life ---- */

struct memfiles *memfile_new(struct loop *l, struct files *files)
{
    struct memfiles *k = mem_zalloc(sizeof(*k));
    k->loop = l;
    k->files = files;
    LIST_INIT(&k->entries);
    return k;
}

void memfile_refresh(struct memfiles *k)
{
    struct entry *e;
    LIST_FOREACH (e, &k->entries, next) {
        e->stale = true;
    }
}

void memfile_free(struct memfiles **kp)
{
    struct memfiles *k = *kp;
    struct entry *e;
    *kp = NULL;
    if (!k)
        return;
    while ((e = LIST_FIRST(&k->entries))) {
        LIST_REMOVE(e, next);
        files_end(&e->read);
        copy_drop(&e->copy);
        free(e->path);
        free(e);
    }
    free(k);
}
