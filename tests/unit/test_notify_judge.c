/* How every kind of notifier understands answers, by table; times to wait; and that no secret
 * survives in a text. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_text.h"
#include "tests/unit/notify_world.h"

#define NOW ((wall_t){T0})

#define WEBHOOK "type=webhook\nurl=https://x.example/\n"
#define SLACK "type=slack\nurl=https://hooks.slack.com/services/T/B/C\n"
#define PAGERDUTY "type=pagerduty\nrouting_key=0123456789abcdef0123456789abcdef\n"
#define ALERTMANAGER "type=alertmanager\nurls=http://a:9093\n"
#define SMTP "type=smtp\nurl=smtp://m:25\nfrom=a@b.c\nto=d@e.f\n"
#define COMMAND "type=command\ncommand=/bin/x\n"

static struct tell_verdict judged(const char *options, const struct tell_answer *a)
{
    struct conf *c;
    struct tell_verdict v = {0};
    const struct item *it = item_of(options, &c);
    tell_judge(it, a, &v);
    conf_free(&c);
    return v;
}

struct row {
    const char *options, *error;
    int code;
    const char *body;
    enum tell_result result;
    const char *text;
};

static const struct row rows[] = {
    {WEBHOOK, NULL, 200, "", TELL_DELIVERED, "status 200"},
    {WEBHOOK, NULL, 204, "", TELL_DELIVERED, "status 204"},
    {WEBHOOK, NULL, 299, "x", TELL_DELIVERED, "status 299"},
    {WEBHOOK, NULL, 302, "x", TELL_PERMANENT, "status 302: redirects are not followed"},
    {WEBHOOK, NULL, 400, " \r\n bad\tthing\nmore", TELL_PERMANENT, "status 400: bad thing"},
    {WEBHOOK, NULL, 401, "", TELL_PERMANENT, "status 401"},
    {WEBHOOK, NULL, 404, "", TELL_PERMANENT, "status 404"},
    {WEBHOOK, NULL, 408, "", TELL_RETRY, "status 408"},
    {WEBHOOK, NULL, 410, "gone", TELL_PERMANENT, "status 410: gone"},
    {WEBHOOK, NULL, 425, "", TELL_RETRY, "status 425"},
    {WEBHOOK, NULL, 429, "slow down", TELL_RETRY, "status 429: slow down"},
    {WEBHOOK, NULL, 500, "", TELL_RETRY, "status 500"},
    {WEBHOOK, NULL, 501, "", TELL_RETRY, "status 501"},
    {WEBHOOK, NULL, 599, "", TELL_RETRY, "status 599"},
    {WEBHOOK, "connection refused by 127.0.0.1:81", 0, "", TELL_RETRY,
     "connection refused by 127.0.0.1:81"},
    {ALERTMANAGER, NULL, 200, "", TELL_DELIVERED, "status 200"},
    {ALERTMANAGER, NULL, 400, "\"name 2 required\"", TELL_PERMANENT,
     "status 400: \"name 2 required\""},
    {ALERTMANAGER, NULL, 503, "", TELL_RETRY, "status 503"},
    {SLACK, NULL, 200, "ok", TELL_DELIVERED, "status 200"},
    {SLACK, NULL, 200, "", TELL_DELIVERED, "status 200"},
    {SLACK, NULL, 200, "{\"success\":true}", TELL_DELIVERED, "status 200"},
    {SLACK, NULL, 200, "{\"ok\":false,\"error\":\"invalid_auth\"}", TELL_PERMANENT,
     "status 200, but refused: invalid_auth"},
    {SLACK, NULL, 200, "{\"ok\":false,\"error\":\"ratelimited\"}", TELL_RETRY,
     "status 200, but refused: ratelimited"},
    {SLACK, NULL, 200, "{\"success\":false,\"error\":5}", TELL_PERMANENT,
     "status 200, but refused"},
    {SLACK, NULL, 200, "<html>log in", TELL_RETRY,
     "status 200, but not Slack's answer: <html>log in"},
    {SLACK, NULL, 400, "invalid_payload", TELL_PERMANENT, "status 400: invalid_payload"},
    {SLACK, NULL, 403, "action_prohibited", TELL_PERMANENT, "status 403: action_prohibited"},
    {SLACK, NULL, 404, "no_service", TELL_PERMANENT, "status 404: no_service"},
    {SLACK, NULL, 410, "channel_is_archived", TELL_PERMANENT, "status 410: channel_is_archived"},
    {SLACK, NULL, 429, "", TELL_RETRY, "status 429"},
    {SLACK, NULL, 500, "rollup_error", TELL_RETRY, "status 500: rollup_error"},
    {PAGERDUTY, NULL, 202, "{\"status\":\"success\"}", TELL_DELIVERED, "status 202"},
    {PAGERDUTY, NULL, 200, "<html>", TELL_RETRY, "status 200, but not PagerDuty's answer: <html>"},
    {PAGERDUTY, NULL, 400,
     "{\"status\":\"invalid event\",\"message\":\"Event object is invalid\","
     "\"errors\":[\"Length of 'routing_key' is incorrect\",7]}",
     TELL_PERMANENT, "status 400: Event object is invalid: Length of 'routing_key' is incorrect"},
    {PAGERDUTY, NULL, 400, "{bad", TELL_PERMANENT, "status 400: {bad"},
    {PAGERDUTY, NULL, 429, "", TELL_RETRY, "status 429"},
    {PAGERDUTY, NULL, 502, "", TELL_RETRY, "status 502"},
    {SMTP, NULL, 250, "OK", TELL_DELIVERED, "reply 250"},
    {SMTP, NULL, 354, "go", TELL_RETRY, "the last reply was 354"},
    {SMTP, NULL, 0, "", TELL_RETRY, "the last reply was 0"},
    {SMTP, "m:25 closed the connection", 421, "4.3.2 busy", TELL_RETRY, "reply 421: 4.3.2 busy"},
    {SMTP, "the connection broke", 550, "5.1.1 unknown", TELL_PERMANENT,
     "reply 550: 5.1.1 unknown"},
    {SMTP, NULL, 535, "", TELL_PERMANENT, "reply 535"},
    {SMTP, "the connection broke", 250, "", TELL_RETRY, "the connection broke"},
    {COMMAND, NULL, 0, "noise", TELL_DELIVERED, "exit 0"},
    {COMMAND, NULL, 1, "no\nroute", TELL_RETRY, "exit 1: no"},
    {COMMAND, NULL, 63, "", TELL_RETRY, "exit 63"},
    {COMMAND, NULL, 64, "usage", TELL_PERMANENT, "exit 64: usage"},
    {COMMAND, NULL, 75, "later", TELL_RETRY, "exit 75: later"},
    {COMMAND, NULL, 78, "", TELL_PERMANENT, "exit 78"},
    {COMMAND, NULL, 79, "", TELL_RETRY, "exit 79"},
    {COMMAND, "it was ended by signal 9", -1, "oh", TELL_RETRY, "it was ended by signal 9: oh"},
    {"type=log\n", NULL, 0, "", TELL_DELIVERED, "written"},
};

static void answers_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *r = &rows[i];
        struct tell_answer a = {.error = r->error,
                                .code = r->code,
                                .body = r->body,
                                .body_len = strlen(r->body),
                                .now = NOW};
        struct tell_verdict v = judged(r->options, &a);
        if (v.result != r->result || strcmp(v.text, r->text) != 0)
            fail_msg("row %zu: %d '%s', not %d '%s'", i, (int)v.result, v.text, (int)r->result,
                     r->text);
        assert_int_equal(v.retry_after.ns, 0);
    }
}

/* ---- when to try again ---- */

static int64_t waits(const char *options, int code, const char *header, const char *body)
{
    struct tell_answer a = {
        .code = code, .retry_after = header, .body = body, .body_len = strlen(body), .now = NOW};
    return judged(options, &a).retry_after.ns / 1000000;
}

static void times_to_wait(void **state)
{
    (void)state;
    static const struct {
        const char *header, *body;
        int64_t ms;
    } all[] = {
        {"7", "", 7000},
        {"0", "", 0},
        {"120 ", "", 120000},
        {"99999999999999999999", "", 86400000},
        {"-5", "", 0},
        {"1.5", "", 0},
        {"soon", "", 0},
        {"", "", 0},
        {"Mon, 23 Nov 2026 18:01:30 GMT", "", 90000},
        {"Monday, 23-Nov-26 18:01:30 GMT", "", 90000},
        {"Mon Nov 23 18:01:30 2026", "", 90000},
        {"Mon, 23 Nov 2026 17:59:00 GMT", "", 0},
        {"Mon, 23 Nov 2126 17:59:00 GMT", "", 86400000},
        {"Mon, 23 Nov 2026 18:01:30 GMT and more", "", 0},
        {NULL, "{\"retry_after\":1.25}", 1250},
        {NULL, "{\"retry_after\":0.0001}", 1},
        {NULL, "{\"retry_after\":3}", 3000},
        {NULL, "{\"retry_after\":\"3\"}", 0},
        {NULL, "{\"retry_after\":-3}", 0},
        {NULL, "{\"retry_after\":1e300}", 86400000},
        {NULL, "{\"ok\":false,\"parameters\":{\"retry_after\":5}}", 5000},
        {NULL, "[1]", 0},
        {NULL, "{\"retry_after\":", 0},
        {"2", "{\"retry_after\":5}", 2000},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        int64_t ms = waits(WEBHOOK, 429, all[i].header, all[i].body);
        if (ms != all[i].ms)
            fail_msg("row %zu: %lld ms", i, (long long)ms);
    }
    assert_int_equal(waits(WEBHOOK, 503, "7", ""), 7000);
    assert_int_equal(waits(WEBHOOK, 400, "7", ""), 0); /* it is not tried again */
    assert_int_equal(waits(SLACK, 429, "30", ""), 30000);
    assert_int_equal(waits(SLACK, 200, "30", "{\"ok\":false,\"error\":\"ratelimited\"}"), 30000);
    assert_int_equal(waits(PAGERDUTY, 429, "30", ""), 30000);
}

static void a_long_answer_is_cut(void **state)
{
    (void)state;
    static char body[60000];
    memset(body, 'x', sizeof(body) - 1);
    struct tell_answer a = {.code = 400, .body = body, .body_len = sizeof(body) - 1, .now = NOW};
    struct tell_verdict v = judged(WEBHOOK, &a);
    assert_int_equal(strlen(v.text), strlen("status 400: ") + 160);
    assert_string_equal(v.text + strlen(v.text) - 4, "x...");
}

/* ---- secrets ---- */

static void secrets_are_hidden(void **state)
{
    (void)state;
    struct conf *c;
    const struct item *it = item_of("type=webhook\nurl=https://x.example/hook/s3cr3tpath?t=1\n"
                                    "headers=X-Key: keyvalue\n  X-Other: abc\n"
                                    "secret=firstsecret00000\n  whsec_c2Vjb25kc2VjcmV0MDAwMA==\n"
                                    "user=u\npassword=pw\n",
                                    &c);
    char text[256] = "a https://x.example/hook/s3cr3tpath?t=1 b /hook/s3cr3tpath?t=1 c keyvalue d "
                     "X-Key: keyvalue e firstsecret00000firstsecret00000 f "
                     "whsec_c2Vjb25kc2VjcmV0MDAwMA== abc u pw";
    tell_redact(it, text);
    assert_string_equal(text, "a *** b *** c *** d *** e ****** f *** abc u pw");
    conf_free(&c);
}

static void a_secret_that_would_be_cut_is_hidden(void **state)
{
    (void)state;
    char body[512];
    for (int lead = 100; lead < 170; lead++) {
        snprintf(body, sizeof(body), "%0*d/services/T/B/C", lead, 0);
        struct tell_answer a = {.code = 400, .body = body, .body_len = strlen(body), .now = NOW};
        struct tell_verdict v = judged(SLACK, &a);
        assert_null(strstr(v.text, "/s"));
    }
    /* as JSON may write it */
    static const char json[] = "{\"ok\":false,\"error\":\"no \\/services\\/T\\/B\\/C\"}";
    struct tell_answer a = {.code = 200, .body = json, .body_len = strlen(json), .now = NOW};
    assert_string_equal(judged(SLACK, &a).text, "status 200, but refused: no ***");
}

/* ---- texts ---- */

static void lines_are_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *out;
        size_t max;
    } all[] = {
        {"abc", "abc", 3},
        {"abcd", "...", 3},
        {"abcdef", "ab...", 5},
        {"\xc3\xa4\xc3\xa4\xc3\xa4", "\xc3\xa4\xc3\xa4\xc3\xa4", 6},
        {"\xc3\xa4\xc3\xa4\xc3\xa4", "\xc3\xa4...", 5},
        {"\xc3", "?", 9},
        {"a\xf0\x9f\x94", "a???", 9},
        {"a\nb\tc\x7f", "a b c ", 9},
        {"abc", "", 2},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct str s = STR_INIT;
        tell_put_line(&s, all[i].text, all[i].max);
        assert_string_equal(str_text(&s), all[i].out);
        str_fini(&s);
    }
}

static void links(void **state)
{
    (void)state;
    assert_true(tell_is_link("https://a.example/x?y=1#z"));
    assert_true(tell_is_link("http://a"));
    assert_false(tell_is_link(""));
    assert_false(tell_is_link("javascript:alert(1)"));
    assert_false(tell_is_link("https://a.example/a b"));
    assert_false(tell_is_link("https://a.example/<x>"));
    assert_false(tell_is_link("https://a.example/\n"));
}

RUN(TEST(answers_are_understood), TEST(times_to_wait), TEST(a_long_answer_is_cut),
    TEST(secrets_are_hidden), TEST(a_secret_that_would_be_cut_is_hidden),
    TEST(lines_are_cut_between_characters), TEST(links))
