/* The records of sockets that fcgi-programs share: found by their address, however many there are.
 */
#include "supervisor/base/mono.h"
#include "supervisor/base/rng.h"
#include "supervisor/run/fcgi_mem.h"
#include "tests/unit/unit.h"

static const char *url_of(uint32_t i)
{
    static char text[64];
    snprintf(text, sizeof(text), "unix:///run/%u.sock", i);
    return text;
}

static void another_one_finds_them(void **state)
{
    (void)state;
    struct err e;
    struct fcgi_mem m, again;
    assert_int_equal(fcgi_mem_make(&m, true), 0);
    for (uint32_t i = 0; i < FCGI_MAX; i++)
        assert_ptr_equal(fcgi_mem_find(&m, url_of(i), true), fcgi_mem_at(&m, i));
    assert_null(fcgi_mem_find(&m, "unix:///one-more", true));
    assert_int_equal(fcgi_mem_open(&again, m.fd, &e), 0);
    for (uint32_t i = 0; i < FCGI_MAX; i++)
        assert_ptr_equal(fcgi_mem_find(&again, url_of(i), false), fcgi_mem_at(&again, i));
    again.fd = -1; /* it is the other's */
    fcgi_mem_close(&again);
    fcgi_mem_close(&m);
}

/* They come and go; a model says which are there. */
static void random_walk(void **state)
{
    (void)state;
    static bool there[3000];
    struct fcgi_mem m;
    struct rng r;
    uint32_t n = 0;
    rng_seed(&r, 1);
    assert_int_equal(fcgi_mem_make(&m, false), 0);
    for (int step = 0; step < 200000; step++) {
        uint32_t i = (uint32_t)rng_below(&r, COUNT(there));
        struct fcgi_rec *rec = fcgi_mem_find(&m, url_of(i), false);
        assert_int_equal(rec != NULL, there[i]);
        if (rec && rng_below(&r, 2)) {
            rec->used = 0;
            there[i] = false;
            n--;
        } else if (!rec) {
            there[i] = fcgi_mem_find(&m, url_of(i), true) != NULL;
            assert_int_equal(there[i], n < FCGI_MAX);
            n += there[i];
        }
    }
    fcgi_mem_close(&m);
}

/* Of some tries the fastest: what the machine does beside it does not count. */
static int64_t time_of(struct fcgi_mem *m, const char *url)
{
    int64_t best = INT64_MAX;
    for (int try = 0; try < 50; try++) {
        mono_t start = mono_now();
        for (int i = 0; i < 100; i++)
            assert_non_null(fcgi_mem_find(m, url, false));
        int64_t took = mono_sub(mono_now(), start).ns;
        best = took < best ? took : best;
    }
    return best;
}

static void the_last_is_found_as_fast(void **state)
{
    (void)state;
    struct fcgi_mem m;
    assert_int_equal(fcgi_mem_make(&m, false), 0);
    for (uint32_t i = 0; i < FCGI_MAX; i++)
        fcgi_mem_find(&m, url_of(i), true);
    int64_t first = time_of(&m, url_of(0));
    assert_true(time_of(&m, url_of(FCGI_MAX - 1)) < 10 * first);
    fcgi_mem_close(&m);
}

RUN(TEST(another_one_finds_them), TEST(random_walk), TEST(the_last_is_found_as_fast))
