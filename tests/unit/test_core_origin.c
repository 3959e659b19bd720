/* Requests that a page of another site made a browser send. */
#include "supervisor/core/origin.h"
#include "tests/unit/unit.h"

static void test_origins(void **state)
{
    (void)state;
    static const struct {
        struct origin o;
        bool foreign;
    } rows[] = {
        {{NULL, NULL, NULL}, false},
        {{NULL, NULL, "localhost:9001"}, false},
        {{NULL, "http://localhost:9001", "localhost:9001"}, false},
        {{NULL, "https://LocalHost", "localhost"}, false},
        {{NULL, "http://evil.example", "localhost:9001"}, true},
        {{NULL, "http://localhost:8000", "localhost:9001"}, true},
        {{NULL, "http://localhost:9001.evil.example", "localhost:9001"}, true},
        {{NULL, "http://localhost:9001", NULL}, true},
        {{NULL, "null", "localhost:9001"}, true},
        {{NULL, "null", "null"}, true},
        {{NULL, "", ""}, true},
        {{"same-origin", "https://proxy.example", "127.0.0.1:9001"}, false},
        {{"none", NULL, "localhost:9001"}, false},
        {{"same-site", "http://a.localhost", "localhost:9001"}, true},
        {{"cross-site", "http://evil.example", "evil.example"}, true},
        {{"", NULL, "localhost:9001"}, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(origin_is_foreign(&rows[i].o), rows[i].foreign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_origins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
