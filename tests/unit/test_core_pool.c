/* The buffer of a pool: nothing is lost but by the limit, and no event is behind a later one. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/core/pool.h"

static void accept(struct pool *p, uint64_t serial, int want)
{
    struct pool_event out;
    assert_int_equal(pool_accept(p, (struct pool_event){serial, (uint32_t)serial}, &out), want);
}

static void expect(struct pool *p, const char *serials)
{
    char text[256] = "";
    for (size_t i = 0; i < p->n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? " " : "",
                 (unsigned)pool_at(p, i).serial);
    assert_string_equal(text, serials);
}

static void test_order(void **state)
{
    (void)state;
    struct pool p;
    struct pool_event a, b, c;
    pool_init(&p, 10);
    assert_false(pool_take(&p, &a));
    for (uint64_t i = 0; i < 4; i++)
        accept(&p, i, 0);
    assert_true(pool_take(&p, &a) && pool_take(&p, &b) && pool_take(&p, &c));
    assert_true(a.serial == 0 && b.serial == 1 && c.serial == 2);
    pool_put_back(&p, b); /* in whichever order they come back */
    pool_put_back(&p, c);
    pool_put_back(&p, a);
    expect(&p, "0 1 2 3");
    assert_true(pool_take(&p, &a));
    pool_done(&p);
    expect(&p, "1 2 3");
    pool_fini(&p);
}

static void test_overflow(void **state)
{
    (void)state;
    struct pool p;
    struct pool_event out = {0};
    pool_init(&p, 2);
    accept(&p, 0, 0);
    accept(&p, 1, 0);
    assert_int_equal(pool_accept(&p, (struct pool_event){2, 2}, &out), 1);
    assert_int_equal(out.serial, 0);
    expect(&p, "1 2");
    assert_true(pool_take(&p, &out));
    accept(&p, 3, 0);
    pool_put_back(&p, out); /* nothing is lost by that, though it is more than the limit */
    expect(&p, "1 2 3");
    assert_int_equal(pool_accept(&p, (struct pool_event){4, 4}, &out), 1);
    assert_int_equal(out.serial, 1);
    expect(&p, "2 3 4");
    assert_true(pool_drop(&p, &out) && out.serial == 2);
    pool_fini(&p);
}

static void test_restore(void **state)
{
    (void)state;
    struct pool p;
    pool_init(&p, 4);
    for (int i = 9; i >= 0; i--)
        assert_int_equal(pool_restore(&p, (struct pool_event){(uint64_t)i, 0}, i % 5 == 1), 0);
    expect(&p, "0 2 3 4 5 7 8 9");
    assert_int_equal(p.taken, 2);
    pool_put_back(&p, (struct pool_event){6, 0});
    pool_put_back(&p, (struct pool_event){1, 0});
    expect(&p, "0 1 2 3 4 5 6 7 8 9");
    pool_fini(&p);
}

/* Beside a list of all that it should hold. */
static void test_walk(void **state)
{
    (void)state;
    struct rng rng;
    struct pool p;
    static struct pool_event out[64], dropped;
    size_t nout = 0, done = 0, lost = 0;
    uint64_t serial = 0;
    rng_seed(&rng, 5);
    pool_init(&p, 20);
    for (int i = 0; i < 1000000; i++) {
        size_t which = nout ? (size_t)rng_below(&rng, nout) : 0;
        switch (rng_below(&rng, 4)) {
        case 0:
            lost +=
                (size_t)pool_accept(&p, (struct pool_event){serial, (uint32_t)serial}, &dropped);
            serial++;
            break;
        case 1:
            if (nout < COUNT(out) && pool_take(&p, &out[nout]))
                nout++;
            break;
        case 2:
            if (!nout)
                break;
            pool_put_back(&p, out[which]);
            out[which] = out[--nout];
            break;
        default:
            if (!nout)
                break;
            pool_done(&p);
            out[which] = out[--nout];
            done++;
        }
        assert_int_equal(p.n + nout + done + lost, serial);
        assert_int_equal(p.taken, nout);
        for (size_t k = 1; k < p.n; k++)
            assert_true(pool_at(&p, k - 1).serial < pool_at(&p, k).serial);
    }
    assert_true(done > 1000 && lost > 1000);
    pool_fini(&p);
}

RUN(TEST(test_order), TEST(test_overflow), TEST(test_restore), TEST(test_walk))
