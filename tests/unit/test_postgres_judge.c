/* expect= and the judge of type=postgres. */
#include "unit.h"

#include "probes/judge/postgres.h"

static void expectations_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"90", "~ 3", "<=", "< ", "< many", ">= 1e999", "ready"};
    struct pg_expect x;
    struct err e;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(pg_expect_parse(bad[i], &x, &e), -1);
    assert_int_equal(pg_expect_parse("  ", &x, &e), 0);
    assert_int_equal(x.op, EXPECT_NONE);
}

static struct verdict judge(const char *expect, const char *value)
{
    struct postgres_opts o = {.expect_text = expect, .password = "s3cret"};
    struct verdict v;
    struct err e;
    assert_int_equal(pg_expect_parse(expect, &o.expect, &e), 0);
    verdict_init(&v);
    postgres_judge(&o, &(struct postgres_input){.ok = true, .value = value, .rows = 1, .error = ""},
                   &v);
    return v;
}

static void both_sides_of_each_operator(void **state)
{
    (void)state;
    static const struct {
        const char *expect;
        bool below, at, above; /* of 90 */
    } rows[] = {{"< 90", true, false, false},  {"<=90", true, true, false},
                {">  90", false, false, true}, {">= 90.0", false, true, true},
                {"= 90", false, true, false},  {"== 9e1", false, true, false},
                {"!= 90", true, false, true},  {"<> 90", true, false, true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(judge(rows[i].expect, "89.999").status == VERDICT_OK, rows[i].below);
        assert_int_equal(judge(rows[i].expect, "90").status == VERDICT_OK, rows[i].at);
        assert_int_equal(judge(rows[i].expect, "90.001").status == VERDICT_OK, rows[i].above);
    }
}

static void texts(void **state)
{
    (void)state;
    assert_int_equal(judge("= t", "t").status, VERDICT_OK);
    assert_int_equal(judge("= t", "f").status, VERDICT_FAIL);
    assert_int_equal(judge("!= t", "f").status, VERDICT_OK);
    assert_false(judge("= t", "t").has_value);
    assert_false(judge("", "NaN").has_value); /* no number that a metric could be */
    assert_int_equal(judge("< 3", "NaN").status, VERDICT_FAIL);
}

static void no_text_has_the_password(void **state)
{
    (void)state;
    struct postgres_opts o = {.password = "s3cret"};
    struct verdict v;
    verdict_init(&v);
    postgres_judge(&o,
                   &(struct postgres_input){.reason = REASON_SQL,
                                            .error = "a s3cret, and s3crets3cret",
                                            .sqlstate = "28P01"},
                   &v);
    assert_string_equal(v.detail, "a ***, and ******");
    assert_string_equal(v.subreason, "28P01");
    assert_null(strstr(judge("", "x s3cret").detail, "s3cret"));
}

static void our_own_trouble_is_unknown(void **state)
{
    (void)state;
    struct postgres_opts o = {.password = NULL};
    struct verdict v;
    verdict_init(&v);
    postgres_judge(
        &o, &(struct postgres_input){.reason = REASON_INTERNAL, .error = "no", .sqlstate = ""}, &v);
    assert_int_equal(v.status, VERDICT_UNKNOWN);
}

RUN(TEST(expectations_that_are_none), TEST(both_sides_of_each_operator), TEST(texts),
    TEST(no_text_has_the_password), TEST(our_own_trouble_is_unknown))
