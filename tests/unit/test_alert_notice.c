/* Notices, written down and read back. */
#include "unit.h"

#include "alerts/payload/noticetext.h"

static const struct notice_label labels[] = {{"region", "eu=1"}, {"team", "a\tb\nc"}};
static const struct notice full = {.kind = NOTICE_UPDATE,
                                   .id = "00ff-12",
                                   .key = "db-00112233",
                                   .alert = "db",
                                   .severity = "page",
                                   .summary = "db: \"10 %\" – since 10:42 \\ UTC",
                                   .description = "two\nlines\tand a tab",
                                   .runbook = "https://r/1",
                                   .dashboard = "",
                                   .reason = "because\x01",
                                   .program = "web",
                                   .host = "web-1",
                                   .ack = "supctl alerts ack db",
                                   .labels = labels,
                                   .nlabels = 2,
                                   .has_value = true,
                                   .value = 0.1,
                                   .limit = 1e300,
                                   .starts = {INT64_C(1790000000123456789)},
                                   .ends = {0},
                                   .at = {7}};

static void everything_comes_back(void **state)
{
    (void)state;
    struct str s = STR_INIT, again = STR_INIT;
    struct err e;
    notice_write(&full, &s);
    struct notice_copy *c = notice_read(str_text(&s), s.len, &e);
    assert_non_null(c);
    assert_int_equal(c->n.kind, NOTICE_UPDATE);
    assert_string_equal(c->n.summary, full.summary);
    assert_string_equal(c->n.description, full.description);
    assert_string_equal(c->n.reason, full.reason);
    assert_int_equal(c->n.nlabels, 2);
    assert_string_equal(c->n.labels[0].value, "eu=1");
    assert_string_equal(c->n.labels[1].value, "a\tb\nc");
    assert_true(c->n.has_value && c->n.value == 0.1 && c->n.limit == 1e300);
    assert_true(c->n.starts.ns == full.starts.ns && c->n.ends.ns == 0 && c->n.at.ns == 7);
    notice_write(&c->n, &again);
    assert_string_equal(str_text(&again), str_text(&s));
    notice_copy_free(&c);
    notice_copy_free(&c);
    str_fini(&s);
    str_fini(&again);
}

static void refused(const char *text, const char *why)
{
    struct err e;
    assert_null(notice_read(text, strlen(text), &e));
    assert_string_equal(e.msg, why);
}

static void damage_is_refused_and_the_unknown_passed_over(void **state)
{
    (void)state;
    struct err e;
    refused("", "not a saved notice of this version");
    refused("notice\t2\n", "not a saved notice of this version");
    refused("notice\t1\nkind\t99\n", "a saved notice is damaged");
    refused("notice\t1\nkind\t0", "a saved notice is damaged");
    refused("notice\t1\nno tab\n", "a saved notice is damaged");
    refused("notice\t1\nid\t\\q\n", "a saved notice is damaged");
    refused("notice\t1\nid\t\\x00\n", "a saved notice is damaged");
    refused("notice\t1\nvalue\t1x\n", "a saved notice is damaged");
    refused("notice\t1\nat\t-1\n", "a saved notice is damaged");
    refused("notice\t1\nlabel\tnone\n", "a saved notice is damaged");
    static const char later[] = "notice\t1\nkind\t3\nmood\tgood\n";
    struct notice_copy *c = notice_read(later, strlen(later), &e);
    assert_non_null(c);
    assert_int_equal(c->n.kind, NOTICE_RESOLVED);
    assert_string_equal(c->n.summary, "");
    notice_copy_free(&c);
}

RUN(TEST(everything_comes_back), TEST(damage_is_refused_and_the_unknown_passed_over))
