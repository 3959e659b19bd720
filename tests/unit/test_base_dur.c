/* Durations as text, there and back. */
#include "tests/unit/unit.h"

#include "supervisor/base/dur.h"
#include "supervisor/base/rng.h"

#define S INT64_C(1000000000)

static const struct {
    const char *text;
    int64_t ns;
} good[] = {
    {"0", 0},
    {"90", 90 * S},
    {"90s", 90 * S},
    {" 90s\t", 90 * S},
    {"1.5", 3 * S / 2},
    {"0.25s", S / 4},
    {"1h30m", 5400 * S},
    {"1.5h", 5400 * S},
    {"250ms", S / 4},
    {"1w2d3h4m5s6ms7us8ns", 788645 * S + 6007008},
    {"10us", 10000},
    {"7ns", 7},
    {"1m0s", 60 * S},
    {"00012s", 12 * S},
};

static const char *const bad[] = {
    "",
    " ",
    "s",
    "-1",
    "+1",
    "1x",
    "1 s",
    "1h 30m",
    "30m1h",
    "1h1h",
    "1h30",
    "5s3",
    "1..5s",
    "0x10",
    "0x10s",
    "1e3",
    "10e3s",
    "1.5e2s",
    "inf",
    "nan",
    "1S",
    "1min",
    "1hh",
    "10 0",
    ".5s",
    "1ms5m",
    "1,5s",
    "100y",
    "1p3",
    "12p3s",
    "1.s",
    "1.",
    "1.2.3s",
    "4000w",
    "99999999999999999999s",
    "1h\n",
    "9999999999999999999999999999999999999999999999999999999999999999",
};

static void parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        dur_t d = {-1};
        struct err e = {0};
        if (dur_parse(good[i].text, &d, &e) != 0)
            fail_msg("'%s': %s", good[i].text, e.msg);
        if (d.ns != good[i].ns)
            fail_msg("'%s' gives %lld ns", good[i].text, (long long)d.ns);
    }
}

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        dur_t d = {-7};
        struct err e = {0};
        if (dur_parse(bad[i], &d, &e) == 0)
            fail_msg("'%s' was taken as %lld ns", bad[i], (long long)d.ns);
        assert_int_equal(d.ns, -7);
        assert_non_null(strstr(e.msg, bad[i]));
    }
}

static void round_trip(dur_t d)
{
    char text[DUR_TEXT];
    dur_t back;
    struct err e;
    if (dur_parse(dur_format(d, text, sizeof(text)), &back, &e) < 0)
        fail_msg("%s", e.msg);
    if (back.ns != d.ns)
        fail_msg("%lld ns became '%s', %lld ns", (long long)d.ns, text, (long long)back.ns);
}

static void formats(void **state)
{
    (void)state;
    char text[DUR_TEXT];
    assert_string_equal(dur_format((dur_t){0}, text, sizeof(text)), "0s");
    assert_string_equal(dur_format((dur_t){-5}, text, sizeof(text)), "0s");
    assert_string_equal(dur_format(DUR_MS(250), text, sizeof(text)), "250ms");
    assert_string_equal(dur_format(DUR_S(5400), text, sizeof(text)), "1h30m");
    assert_string_equal(dur_format(DUR_S(604800), text, sizeof(text)), "1w");
    round_trip(DUR_MAX);
}

static void random_round_trips(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 2);
    for (int i = 0; i < 200000; i++)
        round_trip((dur_t){(int64_t)(rng_next(&r) >> (2 + rng_below(&r, 61))) % DUR_MAX.ns});
}

static void for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0.0s"},           {800000000, "0.8s"},  {-S, "0.0s"},      {10 * S, "10s"},
        {9960000000, "10.0s"}, {72 * S, "1m12s"},    {60 * S, "1m"},    {3600 * S, "1h"},
        {3700 * S, "1h1m"},    {273600 * S, "3d4h"}, {86400 * S, "1d"}, {86400 * 800 * S, "800d"},
        {59999999999, "59s"},  {3599 * S, "59m59s"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[DUR_TEXT];
        assert_string_equal(dur_human((dur_t){rows[i].ns}, text, sizeof(text)), rows[i].text);
    }
}

static void for_what_a_computer_does(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {-S, "0.0ms"},
        {0, "0.0ms"},
        {233000, "0.2ms"},
        {9940000, "9.9ms"},
        {9950000, "10ms"},
        {408944000, "409ms"},
        {999400000, "999ms"},
        {999500000, "1.00s"},
        {1250 * S / 1000, "1.25s"},
        {9999 * S / 1000, "10.00s"},
        {10 * S, "10s"},
        {72 * S, "1m12s"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[DUR_TEXT];
        assert_string_equal(dur_brief((dur_t){rows[i].ns}, text, sizeof(text)), rows[i].text);
    }
}

RUN(TEST(parses), TEST(refuses), TEST(formats), TEST(random_round_trips), TEST(for_people),
    TEST(for_what_a_computer_does))
