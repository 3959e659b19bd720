/* Offsets and lengths of a log, as Supervisor understands them. */
#include "supervisor/core/logrange.h"
#include "tests/unit/unit.h"

struct row {
    int64_t size, offset, length;
    int64_t from, n; /* n of -1: it means nothing */
    bool overflow;
};

static void expect(enum logrange_kind kind, const struct row *r, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        struct logrange got = {0};
        bool ok = logrange(kind, r[i].size, r[i].offset, r[i].length, &got);
        assert_int_equal(ok, r[i].n >= 0);
        if (!ok)
            continue;
        if (got.n != r[i].n || (got.n && got.from != r[i].from) || got.overflow != r[i].overflow)
            fail_msg("%c %ld of %ld, %ld: %ld from %ld", kind, r[i].offset, r[i].size, r[i].length,
                     got.n, got.from);
    }
}

static void what_is_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {10, 0, 0, 0, 10, false},
        {10, 3, 0, 3, 7, false},
        {10, 3, 4, 3, 4, false},
        {10, 3, 100, 3, 7, false},
        {10, 10, 0, 0, 0, false},
        {10, 11, 0, 0, 0, false},
        {10, 11, 5, 0, 0, false},
        {10, -4, 0, 6, 4, false},
        {10, -10, 0, 0, 10, false},
        {10, -100, 0, 0, 10, false},
        {0, 0, 0, 0, 0, false},
        {0, -5, 0, 0, 0, false},
        {10, -4, 1, 0, -1, false},
        {10, 0, -1, 0, -1, false},
        {10, -1, -1, 0, -1, false},
        {10, LOGRANGE_MAX, LOGRANGE_MAX, 0, 0, false},
        {10, -LOGRANGE_MAX, 0, 0, 10, false},
    };
    expect(LOGRANGE_READ, rows, COUNT(rows));
}

static void what_is_tailed(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {10, 0, 4, 6, 4, true},
        {10, 0, 10, 0, 10, false},
        {10, 0, 100, 0, 10, false},
        {10, 10, 4, 0, 0, false},
        {10, 8, 4, 6, 4, false},
        {10, 0, 0, 0, 0, true},
        {10, 0, 1, 9, 1, true},
        {10, 5, 5, 5, 5, false},
        {0, 0, 100, 0, 0, false},
        {10, 20, 4, 0, 0, false},
        {10, 0, -3, 0, 0, true},
        {10, -5, 3, 7, 3, true},
        {10, -LOGRANGE_MAX, LOGRANGE_MAX, 0, 10, true},
        {10, LOGRANGE_MAX, LOGRANGE_MAX, 0, 0, false},
    };
    expect(LOGRANGE_TAIL, rows, COUNT(rows));
}

RUN(TEST(what_is_read), TEST(what_is_tailed))
