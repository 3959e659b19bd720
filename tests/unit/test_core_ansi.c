/* Terminal escape sequences go, and nothing else. */
#include "unit.h"

#include "supervisor/core/ansi.h"

#include <string.h>

static void expect(const char *in, size_t n, bool flush, size_t took, const char *want)
{
    struct str out = STR_INIT;
    assert_int_equal(ansi_strip(in, n, flush, &out), took);
    assert_string_equal(str_text(&out), want);
    str_fini(&out);
}

static void test_sequences(void **state)
{
    (void)state;
    expect("plain\n", 6, false, 6, "plain\n");
    expect("\x1b[1;31mred\x1b[0m\n", 15, false, 15, "red\n");
    expect("\x1b[2J", 4, false, 4, "");
    expect("a\x1b]title", 8, false, 8, "a\x1b]title");
    expect("\x1b[12\nx", 6, false, 6, "\x1b[12\nx");
    expect("\x1b[1\x1b[0mx", 8, false, 8, "\x1b[1x");
}

/* The beginning of a sequence waits for its end, unless there is none to come. */
static void test_beginnings(void **state)
{
    (void)state;
    static const char longest[] = "\x1b[00000000000000000000000000000m";
    expect("a\x1b", 2, false, 1, "a");
    expect("a\x1b[3", 4, false, 1, "a");
    expect("a\x1b[3", 4, true, 4, "a\x1b[3");
    assert_int_equal(sizeof(longest) - 1, 32);
    expect(longest, 32, false, 32, "");
    expect(longest, 31, false, 0, "");
    expect("\x1b[000000000000000000000000000000m", 33, false, 33,
           "\x1b[000000000000000000000000000000m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_sequences), TEST(test_beginnings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
