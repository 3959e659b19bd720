/* Metrics as text: escapes, numbers, families. */
#include "supervisor/core/expo.h"
#include "tests/unit/unit.h"

#include <math.h>

static void test_text(void **state)
{
    (void)state;
    struct str out = STR_INIT;
    struct expo x = {.out = &out};
    expo_family(&x, "supd_starts_total", EXPO_COUNTER, "Starts \\ of\na process.");
    expo_begin(&x, "");
    expo_label(&x, "name", "a\"b\\c\nd\xff\xc3\xa9");
    expo_label(&x, "group", "g");
    expo_int(&x, 12345678901234567);
    expo_begin(&x, "");
    expo_value(&x, 3);
    assert_string_equal(
        str_text(&out),
        "# HELP supd_starts_total Starts \\\\ of\\na process.\n"
        "# TYPE supd_starts_total counter\n"
        "supd_starts_total{name=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa9\",group=\"g\"}"
        " 12345678901234567\n"
        "supd_starts_total 3\n");
    str_fini(&out);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } rows[] = {{0, "0"},
                {-1.5, "-1.5"},
                {0.1, "0.1"},
                {1e300, NULL},
                {NAN, "NaN"},
                {INFINITY, "+Inf"},
                {-62135596800.0, "-62135596800"},
                {-INFINITY, "-Inf"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str out = STR_INIT;
        struct expo x = {.out = &out, .family = "f"};
        char want[64];
        expo_begin(&x, "");
        expo_value(&x, rows[i].v);
        snprintf(want, sizeof(want), "f %s\n", rows[i].text ? rows[i].text : "1e+300");
        assert_string_equal(str_text(&out), want);
        str_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
