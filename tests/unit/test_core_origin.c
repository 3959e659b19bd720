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

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool ours;
    } rows[] = {
        {NULL, true},
        {"", true},
        {":9001", true},
        {"localhost", true},
        {"LocalHost:9001", true},
        {"localhost.:9001", true},
        {"a.localhost", true},
        {"127.0.0.1:9001", true},
        {"192.0.2.1", true},
        {"[::1]:9001", true},
        {"[::1]", true},
        {"web.example", true},
        {"WEB.example:80", true},
        {"box:9001", true},
        {"evil.example", false},
        {"evil.example:9001", false},
        {"localhost.evil.example", false},
        {"xlocalhost", false},
        {"127.0.0.1.evil.example", false},
        {"127.0.0.x", false},
        {"[::1", false},
        {"[]", true},
        {"[::1].evil.example", true}, /* no browser has such a host */
        {"[evil.example]", false},
        {"web", false},
        {"eb.example", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (origin_is_ours(rows[i].host, "web.example,box") != rows[i].ours)
            fail_msg("%s", rows[i].host);
    assert_true(origin_is_ours("evil.example", "box,*"));
    assert_true(origin_is_ours("[", "*"));
    assert_false(origin_is_ours("[", "box"));
    assert_false(origin_is_ours("evil.example", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_origins),
                                       cmocka_unit_test(test_hosts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
