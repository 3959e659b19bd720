/* The blocks of supd-log: filling, viewing, freeing, and what a kill leaves behind. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/logd/ring.h"

#include <sys/mman.h>

#define STREAMS 4
#define MEMORY (LOGSHM_MEMORY_MIN)

struct world {
    struct logshm_head *h;
    struct ring r;
    struct chain chains[STREAMS];
};

static void open_again(struct world *w)
{
    ring_close(&w->r);
    memset(w->chains, 0, sizeof(w->chains));
    assert_int_equal(ring_open(&w->r, w->h, w->chains), 0);
    for (uint32_t i = 0; i < STREAMS; i++)
        ring_recover(&w->r, &w->chains[i], i);
}

static struct world make(void)
{
    struct world w;
    struct logshm_head layout = {0};
    memset(&w, 0, sizeof(w));
    logshm_layout(&layout, STREAMS, MEMORY);
    w.h = mmap(NULL, layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(w.h, MAP_FAILED);
    *w.h = layout;
    w.h->sentinel = UINT64_C(0x1122334455667788);
    w.h->used = STREAMS;
    for (uint32_t i = 0; i < STREAMS; i++)
        logshm_stream(w.h, i)->state = LOGSHM_LIVE;
    open_again(&w);
    return w;
}

static void unmake(struct world *w)
{
    ring_close(&w->r);
    munmap(w->h, w->h->size);
}

static char byte_at(uint32_t slot, uint64_t pos)
{
    return (char)(pos * 131 + pos / 251 + slot * 17);
}

/* As read() fills the pieces. */
static void fill(struct world *w, uint32_t slot, const struct iovec *iov, int n, uint64_t pos)
{
    (void)w;
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < iov[i].iov_len; k++)
            ((char *)iov[i].iov_base)[k] = byte_at(slot, pos++);
}

static size_t put(struct world *w, uint32_t slot, size_t want)
{
    struct iovec iov[64];
    int n;
    struct chain *c = &w->chains[slot];
    size_t room = ring_room(&w->r, c, slot, want, iov, 64, &n, 1);
    ring_begin(&w->r, c, slot, room);
    fill(w, slot, iov, n, logshm_stream(w->h, slot)->read);
    ring_commit(&w->r, c, slot, room);
    return room;
}

static void check(struct world *w, uint32_t slot, uint64_t from, uint64_t to)
{
    struct iovec iov[64];
    while (from < to) {
        int n;
        size_t len = ring_view(&w->r, &w->chains[slot], from, to, iov, 64, &n);
        assert_true(len > 0);
        for (int i = 0; i < n; i++)
            for (size_t k = 0; k < iov[i].iov_len; k++)
                assert_int_equal(((char *)iov[i].iov_base)[k], byte_at(slot, from++));
    }
    assert_int_equal(from, to);
}

static bool keep_from(const void *obj, uint64_t start, uint64_t end)
{
    (void)start;
    return end > *(const uint64_t *)obj;
}

static void test_bytes_come_back(void **state)
{
    (void)state;
    struct world w = make();
    assert_int_equal(put(&w, 1, 10), 10);
    assert_int_equal(put(&w, 2, 9000), 9000);
    assert_int_equal(put(&w, 1, 8187), 8187);
    check(&w, 1, 0, 8197);
    check(&w, 2, 0, 9000);
    assert_int_equal(w.chains[1].n, 3);
    assert_int_equal(logshm_progress(w.h, 1)->bytes, 8197);
    unmake(&w);
}

static void test_memory_is_bounded_and_comes_back(void **state)
{
    (void)state;
    struct world w = make();
    size_t total = 0, got;
    while ((got = put(&w, 0, 100000)) > 0)
        total += got;
    assert_int_equal(total, MEMORY);
    assert_int_equal(put(&w, 1, 1), 0);
    uint64_t upto = 5 * 4096 + 1;
    assert_int_equal(ring_reclaim(&w.r, &w.chains[0], keep_from, &upto, true), 5);
    assert_int_equal(ring_oldest(&w.r, &w.chains[0], total), 5 * 4096);
    assert_int_equal(put(&w, 1, 100000), 5 * 4096);
    check(&w, 0, upto, total);
    ring_clear(&w.r, &w.chains[0]);
    ring_clear(&w.r, &w.chains[1]);
    assert_int_equal(w.r.nfree, w.h->nblocks);
    unmake(&w);
}

static size_t bytes_left(const struct world *w)
{
    const char *p = logshm_at(w->h, w->h->blocks);
    size_t n = 0;
    for (size_t i = 0; i < MEMORY; i++)
        n += p[i] != 0;
    return n;
}

static void test_memory_of_a_killed_predecessor_is_given_back(void **state)
{
    (void)state;
    struct world w = make();
    put(&w, 1, 30000);
    put(&w, 0, 30000);
    ring_clear(&w.r, &w.chains[0]);
    assert_true(bytes_left(&w) > 50000);
    open_again(&w);
    ring_clear(&w.r, &w.chains[1]);
    ring_trim(&w.r, 0);
    assert_int_equal(bytes_left(&w), 0);
    unmake(&w);
}

static void test_hole_in_the_middle(void **state)
{
    (void)state;
    struct world w = make();
    struct iovec iov[64];
    int n;
    put(&w, 0, 5 * 4096);
    struct chain *c = &w.chains[0];
    uint32_t second = w.r.next[c->first - 1];
    w.r.next[c->first - 1] = w.r.next[w.r.next[second - 1] - 1];
    assert_int_equal(ring_view(&w.r, c, 0, 5 * 4096, iov, 64, &n), 4096);
    assert_int_equal(ring_view(&w.r, c, 4096, 5 * 4096, iov, 64, &n), 0);
    check(&w, 0, 3 * 4096, 5 * 4096);
    unmake(&w);
}

/* A kill at every point of a read: not begun, announced, done but not booked, booked. */
static void test_interrupted_read(void **state)
{
    (void)state;
    for (int stage = 0; stage < 4; stage++) {
        for (size_t size = 1; size < 20000; size = size * 3 + 1) {
            struct world w = make();
            struct iovec iov[64];
            int n;
            put(&w, 1, 4000);
            size_t room = ring_room(&w.r, &w.chains[1], 1, size, iov, 64, &n, 1);
            assert_int_equal(room, size);
            if (stage > 0)
                ring_begin(&w.r, &w.chains[1], 1, room);
            if (stage > 1)
                fill(&w, 1, iov, n, 4000);
            if (stage > 2)
                ring_commit(&w.r, &w.chains[1], 1, room);
            open_again(&w);
            uint64_t read = logshm_stream(w.h, 1)->read;
            assert_int_equal(read, stage > 1 ? 4000 + size : 4000);
            check(&w, 1, 0, read);
            put(&w, 1, 5000);
            check(&w, 1, 0, read + 5000);
            unmake(&w);
        }
    }
}

static void test_data_of_0xff_is_data(void **state)
{
    (void)state;
    struct world w = make();
    struct iovec iov[64];
    int n;
    size_t room = ring_room(&w.r, &w.chains[0], 0, 6000, iov, 64, &n, 1);
    ring_begin(&w.r, &w.chains[0], 0, room);
    for (int i = 0; i < n; i++)
        memset(iov[i].iov_base, 0xFF, iov[i].iov_len);
    open_again(&w);
    assert_int_equal(logshm_stream(w.h, 0)->read, 6000);
    unmake(&w);
}

static void test_lost_blocks_become_a_gap(void **state)
{
    (void)state;
    struct world w = make();
    put(&w, 0, 3 * 4096);
    w.r.descs[w.chains[0].first - 1].owner = 0;
    open_again(&w);
    struct logshm_out *o = logshm_out(w.h, 0, 0);
    assert_int_equal(o->gap, 0);
    assert_int_equal(o->gap_end, 4096);
    assert_int_equal(o->gap_bytes, 4096);
    check(&w, 0, 4096, 3 * 4096);
    unmake(&w);
}

/* A newer gap was begun while an older one was being marked; then came the kill. */
static void test_hole_before_a_gap(void **state)
{
    (void)state;
    struct world w = make();
    put(&w, 0, 4 * 4096);
    struct logshm_out *o = logshm_out(w.h, 0, 0);
    uint32_t second = w.r.next[w.chains[0].first - 1];
    w.r.descs[w.chains[0].first - 1].owner = 0;
    w.r.descs[second - 1].owner = 0;
    o->gap = 4096;
    o->gap_end = 2 * 4096;
    o->gap_bytes = 4096;
    open_again(&w);
    assert_int_equal(o->gap, 0);
    assert_int_equal(o->gap_end, 2 * 4096);
    assert_int_equal(o->gap_bytes, 2 * 4096);
    unmake(&w);
}

/* Reads, frees and kills in any order; a model knows what must be there. */
static void test_random_walk(void **state)
{
    (void)state;
    struct world w = make();
    struct rng rng;
    uint64_t oldest[STREAMS] = {0};
    rng_seed(&rng, 4711);
    for (int i = 0; i < 20000; i++) {
        uint32_t slot = (uint32_t)rng_below(&rng, STREAMS);
        uint64_t read = logshm_stream(w.h, slot)->read;
        switch (rng_below(&rng, i % 100 == 0 ? 3 : 2)) {
        case 0:
            put(&w, slot, (size_t)rng_below(&rng, 20000) + 1);
            break;
        case 1:
            oldest[slot] += rng_below(&rng, read - oldest[slot] + 1);
            logshm_out(w.h, slot, 0)->done = oldest[slot];
            ring_reclaim(&w.r, &w.chains[slot], keep_from, &oldest[slot], true);
            break;
        default:
            open_again(&w);
        }
        uint32_t held = w.r.nfree;
        for (uint32_t s = 0; s < STREAMS; s++)
            held += w.chains[s].n;
        assert_int_equal(held, w.h->nblocks);
        if (i % 100 == 0)
            check(&w, slot, oldest[slot], logshm_stream(w.h, slot)->read);
    }
    unmake(&w);
}

static void test_layout(void **state)
{
    (void)state;
    struct logshm_head h = {0};
    logshm_layout(&h, 100, 1 << 20);
    assert_true(logshm_good(&h, h.size));
    assert_false(logshm_good(&h, h.size - 1));
    h.blocks += 4096;
    assert_false(logshm_good(&h, h.size + 4096));
    logshm_layout(&h, 100, 0);
    assert_int_equal(h.nblocks, LOGSHM_MEMORY_DEFAULT / LOGSHM_BLOCK);
    logshm_layout(&h, 100, 1);
    assert_int_equal(h.nblocks, LOGSHM_MEMORY_MIN / LOGSHM_BLOCK);
    h.magic++;
    assert_false(logshm_good(&h, h.size));
}

RUN(TEST(test_bytes_come_back), TEST(test_memory_is_bounded_and_comes_back),
    TEST(test_memory_of_a_killed_predecessor_is_given_back), TEST(test_hole_in_the_middle),
    TEST(test_interrupted_read), TEST(test_data_of_0xff_is_data),
    TEST(test_lost_blocks_become_a_gap), TEST(test_hole_before_a_gap), TEST(test_random_walk),
    TEST(test_layout))
