/* The journal: entries in one half of a memfd, a header that says which half, and an index of what
 * is live. It is memory, so it is written in the loop; answers come at the end of the turn. */
#include "supervisor/io/journal.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/store_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#define HEAD 4096
#define HALF ((JOURNAL_SIZE - HEAD) / 2)
#define MAGIC UINT32_C(0x6a535031)

/* The half with the higher generation counts. Each half has its own slot, written last, so that a
 * kill in the middle leaves the other. */
struct slot {
    uint32_t magic, crc;
    uint64_t generation;
};

/* Before a batch: `size` bytes of ops follow. The CRC begins with the half's generation, so that
 * what an earlier one left behind does not count. */
struct entry {
    uint32_t size, crc;
};

/* Before an op's table, key (both with NUL) and value. */
struct op_head {
    uint32_t table, key, value; /* bytes; value DELETED: none */
};
#define DELETED UINT32_MAX

struct live {
    UT_hash_handle hh;
    struct store_op *op; /* of store_copy */
    char id[];           /* table, NUL, key */
};

struct reply {
    store_done_fn *done;
    void *obj;
    bool failed;
    struct err err;
};

struct journal {
    struct store base;
    struct loop *loop;
    int fd;
    unsigned half;
    uint64_t generation;
    size_t at; /* the end of the entries in the half */
    struct live *live;
    store_loaded_fn *loaded;
    void *obj;
    const char *note;
    struct loop_defer later;
    VEC(struct reply) replies;
};

/* ---- what is live ---- */

static char *make_id(const struct store_op *op, size_t *out_n)
{
    size_t t = strlen(op->table) + 1, k = strlen(op->key);
    char *id = mem_alloc(t + k + 1);
    memcpy(id, op->table, t);
    memcpy(id + t, op->key, k + 1);
    *out_n = t + k;
    return id;
}

static void drop_live(struct journal *j, struct live *l)
{
    HASH_DELETE(hh, j->live, l);
    free(l->op);
    free(l);
}

static void apply(struct journal *j, const struct store_op *op)
{
    size_t n, bytes;
    char *id = make_id(op, &n);
    struct live *l;
    HASH_FIND(hh, j->live, id, n, l);
    if (l)
        drop_live(j, l);
    if (op->value) {
        l = mem_zalloc(sizeof(*l) + n + 1);
        memcpy(l->id, id, n + 1);
        l->op = store_copy(op, 1, &bytes);
        HASH_ADD(hh, j->live, id[0], n, l);
    }
    free(id);
}

/* ---- entries ---- */

static void put_op(struct str *out, const struct store_op *op)
{
    struct op_head h = {.table = (uint32_t)strlen(op->table) + 1,
                        .key = (uint32_t)strlen(op->key) + 1,
                        .value = op->value ? (uint32_t)op->n : DELETED};
    str_put(out, &h, sizeof(h));
    str_put(out, op->table, h.table);
    str_put(out, op->key, h.key);
    if (op->value)
        str_put(out, op->value, op->n);
}

static uint32_t entry_crc(uint64_t generation, const void *p, size_t n)
{
    return crc32_add(crc32_of(&generation, sizeof(generation)), p, n);
}

/* an empty entry, to be filled by put_op and sealed */
static void begin_entry(struct str *out)
{
    str_init(out, JOURNAL_SIZE);
    str_put(out, &(struct entry){0}, sizeof(struct entry));
}

static void seal_entry(struct str *s, uint64_t generation)
{
    struct entry e = {.size = (uint32_t)(s->len - sizeof(e))};
    e.crc = entry_crc(generation, s->s + sizeof(e), e.size);
    memcpy(s->s, &e, sizeof(e));
}

static int write_at(int fd, const void *p, size_t n, size_t at, struct err *e)
{
    ssize_t done = pwrite(fd, p, n, (off_t)at);
    if (done == (ssize_t)n)
        return 0;
    return err_errno(e, done < 0 ? errno : ENOSPC, "cannot write the journal");
}

static size_t half_at(unsigned half)
{
    return HEAD + (size_t)half * HALF;
}

static int write_slot(int fd, unsigned half, uint64_t generation, struct err *e)
{
    struct slot s = {.magic = MAGIC, .generation = generation};
    s.crc = crc32_of(&s.generation, sizeof(s.generation));
    return write_at(fd, &s, sizeof(s), half * sizeof(s), e);
}

/* Writes all that is live into the other half, as one entry, and makes that half count. */
static int compact(struct journal *j, struct err *e)
{
    struct str all;
    struct live *l, *tmp;
    begin_entry(&all);
    HASH_ITER(hh, j->live, l, tmp)
    put_op(&all, l->op);
    uint64_t generation = j->generation + 1;
    unsigned half = !j->half;
    int rc = -1;
    if (all.failed || all.len > HALF)
        err_set(e, "the journal is full");
    else {
        seal_entry(&all, generation);
        rc = write_at(j->fd, all.s, all.len, half_at(half), e) < 0 ||
                     write_slot(j->fd, half, generation, e) < 0
                 ? -1
                 : 0;
    }
    if (rc == 0) {
        j->half = half;
        j->generation = generation;
        j->at = all.len;
    }
    str_fini(&all);
    return rc;
}

static int append(struct journal *j, const struct store_op *ops, size_t n, struct err *e)
{
    struct str s;
    begin_entry(&s);
    for (size_t i = 0; i < n; i++)
        put_op(&s, &ops[i]);
    int rc = 0;
    if (s.failed || s.len > HALF)
        rc = err_set(e, "the journal is too small for this");
    else if (j->at + s.len > HALF)
        rc = compact(j, e);
    if (rc == 0 && j->at + s.len > HALF)
        rc = err_set(e, "the journal is full");
    if (rc == 0) {
        seal_entry(&s, j->generation);
        rc = write_at(j->fd, s.s, s.len, half_at(j->half) + j->at, e);
    }
    if (rc == 0)
        j->at += s.len;
    str_fini(&s);
    return rc;
}

/* ---- reading back ---- */

/* one op at p; the bytes it takes, 0: it is none */
static size_t read_op(const char *p, size_t n, struct store_op *out)
{
    struct op_head h;
    if (n < sizeof(h))
        return 0;
    memcpy(&h, p, sizeof(h));
    size_t value = h.value == DELETED ? 0 : h.value, rest = n - sizeof(h);
    if (!h.table || !h.key || h.table > rest || h.key > rest || value > rest ||
        (size_t)h.table + h.key + value > rest)
        return 0;
    *out = (struct store_op){.table = p + sizeof(h), .key = p + sizeof(h) + h.table, .n = value};
    if (out->table[h.table - 1] || out->key[h.key - 1])
        return 0;
    out->value = h.value == DELETED ? NULL : out->key + h.key;
    return sizeof(h) + h.table + h.key + value;
}

static void replay_entry(struct journal *j, const char *p, size_t n)
{
    struct store_op op;
    for (size_t used; n && (used = read_op(p, n, &op)); p += used, n -= used)
        apply(j, &op);
}

static void replay(struct journal *j, const char *half)
{
    struct entry e;
    j->at = 0;
    while (j->at + sizeof(e) <= HALF) {
        memcpy(&e, half + j->at, sizeof(e));
        const char *p = half + j->at + sizeof(e);
        if (!e.size || e.size > HALF - j->at - sizeof(e) ||
            e.crc != entry_crc(j->generation, p, e.size))
            break;
        replay_entry(j, p, e.size);
        j->at += sizeof(e) + e.size;
    }
}

static bool find_half(struct journal *j, const char *file)
{
    struct slot s;
    for (unsigned half = 0; half < 2; half++) {
        memcpy(&s, file + half * sizeof(s), sizeof(s));
        if (s.magic == MAGIC && s.crc == crc32_of(&s.generation, sizeof(s.generation)) &&
            s.generation > j->generation) {
            j->generation = s.generation;
            j->half = half;
        }
    }
    return j->generation;
}

static int begin_new(struct journal *j, struct err *e)
{
    if (ftruncate(j->fd, 0) < 0 || ftruncate(j->fd, JOURNAL_SIZE) < 0)
        return err_errno(e, errno, "cannot size the journal");
    j->generation = 1;
    return write_slot(j->fd, 0, 1, e);
}

/* Sized by who keeps it, and never written to. */
static bool is_blank(const char *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static int open_file(struct journal *j, struct err *e)
{
    struct stat st;
    if (fstat(j->fd, &st) < 0)
        return err_errno(e, errno, "cannot look at the journal");
    char *file = mem_alloc(JOURNAL_SIZE);
    bool whole =
        st.st_size == JOURNAL_SIZE && pread(j->fd, file, JOURNAL_SIZE, 0) == (ssize_t)JOURNAL_SIZE;
    int rc = 0;
    if (whole && find_half(j, file))
        replay(j, file + half_at(j->half));
    else {
        rc = begin_new(j, e);
        bool empty = !st.st_size || (whole && is_blank(file, JOURNAL_SIZE));
        j->note = empty ? NULL : "the journal was damaged; a new one begun";
    }
    free(file);
    return rc;
}

/* ---- the face ---- */

static void tell_loaded(struct journal *j)
{
    VEC(struct store_op) all = VEC_INIT;
    struct live *l, *tmp;
    store_loaded_fn *fn = j->loaded;
    j->loaded = NULL;
    HASH_ITER(hh, j->live, l, tmp)
    VEC_PUSH(&all, *l->op);
    fn(j->obj, &(struct store_loaded){.note = j->note, .records = all.v, .n = all.n});
    VEC_FINI(&all);
}

/* what a callback submits is answered in the next turn */
static void on_later(struct journal *j)
{
    size_t n = j->replies.n;
    if (j->loaded)
        tell_loaded(j);
    for (size_t i = 0; i < n; i++) {
        struct reply r = j->replies.v[i];
        if (r.done)
            r.done(r.obj, r.failed ? &r.err : NULL);
    }
    j->replies.n -= n;
    if (n)
        memmove(j->replies.v, j->replies.v + n, j->replies.n * sizeof(j->replies.v[0]));
}

static void journal_submit(struct store *s, const struct store_op *ops, size_t n,
                           store_done_fn *done, void *obj)
{
    struct journal *j = (struct journal *)s;
    struct reply r = {.done = done, .obj = obj};
    r.failed = n && append(j, ops, n, &r.err) < 0; /* an empty entry would be the end */
    for (size_t i = 0; i < n && !r.failed; i++)
        apply(j, &ops[i]);
    VEC_PUSH(&j->replies, r);
    loop_defer(j->loop, &j->later);
}

static size_t journal_waiting(const struct store *s)
{
    return ((const struct journal *)s)->replies.n;
}

static bool journal_close(struct store *s, dur_t limit)
{
    struct journal *j = (struct journal *)s;
    struct live *l, *tmp;
    bool ok = true;
    (void)limit;
    loop_defer_cancel(j->loop, &j->later);
    VEC_EACH (&j->replies, i)
        ok = ok && !j->replies.v[i].failed;
    HASH_ITER(hh, j->live, l, tmp)
    drop_live(j, l);
    VEC_FINI(&j->replies);
    free(j);
    return ok;
}

static const struct store_kind journal_kind = {journal_submit, journal_waiting, journal_close};

struct store *journal_open(struct loop *l, int fd, store_loaded_fn *loaded, void *obj,
                           struct err *e)
{
    struct journal *j = mem_zalloc(sizeof(*j));
    j->base.kind = &journal_kind;
    j->loop = l;
    j->fd = fd;
    j->loaded = loaded;
    j->obj = obj;
    LOOP_DEFER(&j->later, on_later, j);
    if (open_file(j, e) < 0) {
        journal_close(&j->base, DUR_S(0));
        return NULL;
    }
    loop_defer(l, &j->later);
    return &j->base;
}
