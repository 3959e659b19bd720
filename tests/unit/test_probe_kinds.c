/* type=http and type=tcp: what their options refuse, and what their judges say. */
#include "tests/unit/unit.h"

#include "probes/judge/kind_http.h"
#include "probes/judge/kind_tcp.h"
#include "probes/probes.h"
#include "tests/unit/probe_gen.h"

static void refuses(const char *section, const char *text)
{
    char conf[512];
    snprintf(conf, sizeof(conf), "[program:x]\ncommand=/bin/true\n[probe:p]\n%s\n", section);
    struct conf *c = load_text(conf);
    for (size_t i = 0; i < conf_nerrors(c); i++) {
        if (strstr(conf_error(c, i), text)) {
            conf_free(&c);
            return;
        }
    }
    fail_msg("%s: no error has '%s'; first: %s", section, text,
             conf_nerrors(c) ? conf_error(c, 0) : "none");
}

static void http_options_are_checked(void **state)
{
    (void)state;
    refuses("type=http", "p.url: is missing");
    refuses("type=http\nurl=ftp://a/", "has to begin with http:// or https://");
    refuses("type=http\nurl=http:///x", "has no host");
    refuses("type=http\nurl=http://me:pw@a/", "user= and password_file=");
    refuses("type=http\nurl=http://a/b c", "write %%20 for a blank");
    refuses("type=http\nurl=http://a/\nstatus=2xx", "'2xx' is not like 200-299,401");
    refuses("type=http\nurl=http://a/\nstatus=300-200", "the smaller first");
    refuses("type=http\nurl=http://a/\nheaders=nonsense", "each line has to be \"Name: value\"");
    refuses("type=http\nurl=http://a/\nuser=a\nbearer=b", "exclude each other");
    refuses("type=http\nurl=http://a/\npassword=b", "needs user=");
    refuses("type=http\nurl=http://a/\ntls_key=/k", "needs tls_cert=");
    refuses("type=http\nurl=http://a/\nproxy=https://p:1", "has to begin with http://");
    refuses("type=http\nurl=http://a/\nbody_rgex=x", "did you mean");
}

static void tcp_options_are_checked(void **state)
{
    (void)state;
    refuses("type=tcp", "give one of address=");
    refuses("type=tcp\naddress=a:1\nsocket=/s", "give one of address=");
    refuses("type=tcp\naddress=a", "is not like host:port");
    refuses("type=tcp\naddress=::1:80", "write an IPv6 address in brackets: [::1]:80");
    refuses("type=tcp\nhost=a", "belong together");
    refuses("type=tcp\naddress=a:1\nsend=\\q", "is not one of");
    refuses("type=tcp\naddress=a:1\nexpect=a\nexpect_regex=b", "keep one of them");
}

static void what_is_given_arrives(void **state)
{
    (void)state;
    struct agentgen *g = probe_gen("[probe:web]\ntype=http\nurl=https://a.example/x\n"
                                   "headers=A: 1\n    B: 2\nip=6\n"
                                   "[probe:port]\ntype=tcp\naddress=[::1]:6379\n"
                                   "send=PING\\r\\n\nexpect=+PONG\n");
    const struct item *it = agentgen_item(g, &family_probe, "web");
    const struct http_opts *h = http_opts(it);
    assert_string_equal(h->url, "https://a.example/x");
    assert_string_equal(h->method, "GET");
    assert_string_equal(h->headers, "A: 1\nB: 2");
    assert_int_equal(h->ip, PROBE_IP_6);
    assert_true(h->tls_verify);
    assert_int_equal(probe_opts(it)->timeout, INT64_C(5000000000));
    const struct tcp_opts *t = tcp_opts(agentgen_item(g, &family_probe, "port"));
    assert_string_equal(t->host, "[::1]");
    assert_int_equal(t->port, 6379);
    assert_string_equal(t->send, "PING\\r\\n");
    agentgen_free(&g);
}

static void note_error(void *obj, const struct item *item, const char *text)
{
    snprintf(obj, 256, "%s: %s", item->name, text);
}

static void patterns_are_checked(void **state)
{
    (void)state;
    char text[256] = "";
    struct agentgen *g = probe_gen("[probe:a]\ntype=http\nurl=http://a/\nbody_regex=ok|fine\n"
                                   "[probe:b]\ntype=tcp\naddress=a:1\nexpect_regex=(\n");
    assert_int_equal(probes_check(g, note_error, text), 1);
    assert_non_null(strstr(text, "b: expect_regex: the pattern is wrong at its character 2"));
    agentgen_free(&g);
}

static void status_ranges(void **state)
{
    (void)state;
    assert_true(http_status_in("200-299,401", 200));
    assert_true(http_status_in("200-299,401", 299));
    assert_true(http_status_in("200 - 299, 401", 401));
    assert_false(http_status_in("200-299,401", 300));
    assert_false(http_status_in("200-299,401", 400));
    assert_true(http_status_in("503", 503));
    static const char *const wrong[] = {"",    ",",  "200,", "200-", "-200",
                                        "20x", "99", "1000", "2 0"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(http_status_check(wrong[i], NULL), -1);
}

static struct verdict http_says(struct http_facts f, int status)
{
    static const struct http_opts o = {.status = "200-299"};
    struct verdict v;
    verdict_init(&v);
    v.http_status = status;
    v.total_ns = 12345678;
    f.subreason = f.subreason ? f.subreason : "";
    http_judge(&o, &f, &v);
    return v;
}

static void http_judgements(void **state)
{
    (void)state;
    struct http_facts f = {.match = MATCH_UNASKED, .not_match = MATCH_UNASKED};
    struct verdict v = http_says(f, 200);
    assert_int_equal(v.status, VERDICT_OK);
    assert_string_equal(v.detail, "status 200 in 12.3 ms");
    v = http_says(f, 503);
    assert_int_equal(v.status, VERDICT_FAIL);
    assert_int_equal(v.reason, REASON_STATUS);
    assert_string_equal(v.detail, "status 503 (wanted 200-299)");
    f.match = MATCH_NO;
    v = http_says(f, 200);
    assert_int_equal(v.reason, REASON_BODY);
    assert_true(v.regex_failed);
    assert_string_equal(v.detail, "the body does not match body_regex (status 200, 0 bytes)");
    f.match = MATCH_YES;
    f.not_match = MATCH_YES;
    assert_non_null(strstr(http_says(f, 200).detail, "the body matches body_not_regex"));
    f.not_match = MATCH_LIMIT;
    f.body_cut = true;
    assert_non_null(strstr(http_says(f, 200).detail, "too costly"));
    f = (struct http_facts){.failed = REASON_TLS_VERIFY, .text = "x", .subreason = "expired"};
    v = http_says(f, 0);
    assert_int_equal(v.status, VERDICT_FAIL);
    assert_string_equal(v.subreason, "expired");
    f = (struct http_facts){.failed = REASON_INTERNAL, .ours = true, .text = "x"};
    assert_int_equal(http_says(f, 0).status, VERDICT_UNKNOWN);
}

static void tcp_judgements(void **state)
{
    (void)state;
    const struct tcp_opts o = {.expect = "x"};
    struct tcp_facts f = {.failed = REASON_BODY,
                          .not_found = true,
                          .text = "not found",
                          .got = "-ERR\r\n",
                          .got_len = 6};
    struct verdict v;
    verdict_init(&v);
    tcp_judge(&o, &f, &v);
    assert_string_equal(v.detail, "not found; the answer began with \"-ERR\\x0d\\n\"");
    assert_true(v.regex_failed);
    f = (struct tcp_facts){.failed = REASON_NONE};
    tcp_judge(&o, &f, &v);
    assert_int_equal(v.status, VERDICT_OK);
}

static void escapes(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    assert_int_equal(tcp_unescape("a\\r\\n\\x41\\0\\\\", &s, NULL), 0);
    assert_int_equal(s.len, 6);
    assert_memory_equal(s.s, "a\r\nA\0\\", 6);
    assert_int_equal(tcp_unescape("\\", &s, NULL), -1);
    assert_int_equal(tcp_unescape("\\x4", &s, NULL), -1);
    str_fini(&s);
}

static void a_reason_is_said_once(void **state)
{
    (void)state;
    struct verdict v;
    verdict_init(&v);
    assert_string_equal(verdict_word(&v), "none");
    verdict_fail(&v, REASON_STATUS, "status %d (wanted 200-299)", 503);
    assert_string_equal(verdict_word(&v), "");
    verdict_fail(&v, REASON_DNS, "cannot resolve a: no such name");
    assert_string_equal(verdict_word(&v), "dns");
}

RUN(TEST(a_reason_is_said_once), TEST(http_options_are_checked), TEST(tcp_options_are_checked),
    TEST(what_is_given_arrives), TEST(patterns_are_checked), TEST(status_ranges),
    TEST(http_judgements), TEST(tcp_judgements), TEST(escapes))
