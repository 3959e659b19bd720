/* The twin of io/store.h. */
#include "tests/fake/fake_store.h"

#include "supervisor/base/mem.h"
#include "supervisor/base/vec.h"
#include "tests/fake/fake.h"

#include <stdlib.h>
#include <string.h>

struct batch {
    VEC(struct store_op) ops;
    store_done_fn *done;
    void *obj;
};

struct store {
    struct loop *loop;
    struct loop_timer timer;
    store_loaded_fn *loaded;
    void *obj;
    VEC(struct batch) queue;
    bool dead;
};

static VEC(struct store_op) disk;
static dur_t delay;
static bool failing, stalled;

static struct store_op copy_op(const struct store_op *op)
{
    struct store_op c = {.table = mem_strdup(op->table), .key = mem_strdup(op->key), .n = op->n};
    if (!op->value)
        return c;
    char *v = mem_alloc(op->n ? op->n : 1);
    memcpy(v, op->value, op->n);
    c.value = v;
    return c;
}

static void free_op(struct store_op *op)
{
    free((void *)(uintptr_t)op->table);
    free((void *)(uintptr_t)op->key);
    free((void *)(uintptr_t)op->value);
}

static void write_op(const struct store_op *op)
{
    size_t i = 0;
    while (i < disk.n &&
           (strcmp(disk.v[i].table, op->table) != 0 || strcmp(disk.v[i].key, op->key) != 0))
        i++;
    if (i < disk.n) {
        free_op(&disk.v[i]);
        disk.v[i] = disk.v[--disk.n];
    }
    if (op->value)
        VEC_PUSH(&disk, copy_op(op));
}

static void write_batch(const struct batch *b)
{
    VEC_EACH (&b->ops, i)
        write_op(&b->ops.v[i]);
}

static void free_batch(struct batch *b)
{
    VEC_EACH (&b->ops, i)
        free_op(&b->ops.v[i]);
    VEC_FINI(&b->ops);
}

static struct batch take_batch(struct store *s)
{
    struct batch b = s->queue.v[0];
    memmove(&s->queue.v[0], &s->queue.v[1], --s->queue.n * sizeof(b));
    return b;
}

static void arm(struct store *s)
{
    dur_t d = {(int64_t)rng_below(&fake_rng, (uint64_t)delay.ns + 1)};
    if (stalled)
        d = DUR_S(3600);
    if (!loop_timer_active(&s->timer))
        loop_timer_at(&s->timer, mono_add(loop_now(s->loop), d));
}

static void on_timer(struct store *s)
{
    if (s->loaded) {
        struct store_loaded r = {.records = disk.v, .n = disk.n};
        store_loaded_fn *fn = s->loaded;
        s->loaded = NULL;
        fn(s->obj, &r);
    } else if (s->queue.n) {
        struct batch b = take_batch(s);
        struct err e;
        err_set(&e, "the disk is full");
        if (!failing)
            write_batch(&b);
        if (b.done)
            b.done(b.obj, failing ? &e : NULL);
        free_batch(&b);
    }
    if (s->queue.n)
        arm(s);
}

struct store *store_open(struct loop *l, const char *path, store_loaded_fn *loaded, void *obj,
                         struct err *e)
{
    (void)path, (void)e;
    struct store *s = mem_zalloc(sizeof(*s));
    s->loop = l;
    s->loaded = loaded;
    s->obj = obj;
    LOOP_TIMER(&s->timer, l, on_timer, s);
    arm(s);
    return s;
}

void store_submit(struct store *s, const struct store_op *ops, size_t n, store_done_fn *done,
                  void *obj)
{
    struct batch b = {.done = done, .obj = obj};
    if (s->dead)
        return;
    for (size_t i = 0; i < n; i++)
        VEC_PUSH(&b.ops, copy_op(&ops[i]));
    VEC_PUSH(&s->queue, b);
    arm(s);
}

size_t store_waiting(const struct store *s)
{
    return s->queue.n;
}

void fake_store_kill(struct store *s)
{
    size_t durable = (size_t)rng_below(&fake_rng, s->queue.n + 1);
    s->dead = true;
    loop_timer_stop(&s->timer);
    for (size_t i = 0; s->queue.n; i++) {
        struct batch b = take_batch(s);
        if (i < durable && !failing)
            write_batch(&b);
        free_batch(&b);
    }
}

void fake_store_bury(struct store **s)
{
    loop_timer_stop(&(*s)->timer);
    VEC_FINI(&(*s)->queue);
    free(*s);
    *s = NULL;
}

bool store_close(struct store **s, dur_t limit)
{
    (void)limit;
    while ((*s)->queue.n) {
        struct batch b = take_batch(*s);
        write_batch(&b);
        free_batch(&b);
    }
    fake_store_bury(s);
    return true;
}

void fake_disk_reset(dur_t d)
{
    VEC_EACH (&disk, i)
        free_op(&disk.v[i]);
    VEC_FINI(&disk);
    delay = d;
    failing = stalled = false;
}

void fake_disk_stall(bool on)
{
    stalled = on;
}

void fake_disk_fail(bool on)
{
    failing = on;
}

size_t fake_disk_records(const char *table)
{
    size_t n = 0;
    VEC_EACH (&disk, i)
        n += !table || strcmp(disk.v[i].table, table) == 0;
    return n;
}
