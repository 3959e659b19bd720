/* The status page: nothing that came from outside gets into it as HTML, and what it says of states.
 */
#include "supervisor/rpc/html.h"
#include "supervisor/rpc/page.h"
#include "supervisor/rpc/page_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdlib.h>

static char *html(const char *p, size_t n)
{
    struct str out = STR_INIT;
    html_bytes(&out, p, n);
    str_puts(&out, "");
    return str_take(&out);
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n;
        const char *out;
    } rows[] = {
        {"a<b>&\"'", 7, "a&lt;b&gt;&amp;&quot;&#39;"},
        {"tab\tline\n", 9, "tab\tline\n"},
        {"\x1b[1m\r\x7f", 6, "\xef\xbf\xbd[1m\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\0b", 3,
         "a\xef\xbf\xbd"
         "b"},
        {"\xc3\xa4\xff<\xc3", 5, "\xc3\xa4\xef\xbf\xbd&lt;\xef\xbf\xbd"},
        {"", 0, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *out = html(rows[i].in, rows[i].n);
        assert_string_equal(out, rows[i].out);
        free(out);
    }
    struct str q = STR_INIT;
    html_query(&q, "a:b&c=\"d\" \xc3\xa4");
    assert_string_equal(str_text(&q), "a%3Ab%26c%3D%22d%22%20%C3%A4");
    str_fini(&q);
}

/* One process, its pairs as key, value, ...; the whole page. */
static char *page_of(const struct page_head *h, const char *const *words)
{
    struct wire_pair pairs[16];
    struct page p = {0};
    struct str out = STR_INIT;
    size_t n = 0;
    for (; words[2 * n]; n++)
        pairs[n] = (struct wire_pair){(char *)(uintptr_t)words[2 * n],
                                      (char *)(uintptr_t)words[2 * n + 1]};
    page_row(&p, h, pairs, n);
    page_finish(&p, h, &out);
    assert_false(out.failed);
    return str_take(&out);
}

static void assert_has(const char *page, const char *part)
{
    if (!strstr(page, part))
        fail_msg("%s\nis not in\n%s", part, page);
}

/* Each text that comes from outside holds what would end a text, a value or a tag. */
#define EVIL "<script>x</script>\"'>&"
#define TAME "&lt;script&gt;x&lt;/script&gt;&quot;&#39;&gt;&amp;"

static void test_nothing_gets_through(void **state)
{
    (void)state;
    static const char *const keys[] = {"name",    "state",       "pid",    "spawnerr",   "exit",
                                       "waiting", "status_text", "health", "health_text"};
    const struct page_head h = {
        .identifier = EVIL, .token = EVIL, .filter = "<script>", .notice = EVIL};
    static const char *const states[] = {"RUNNING", "EXITED", "FATAL", "STOPPED", EVIL};
    for (size_t k = 0; k < sizeof(states) / sizeof(states[0]); k++) {
        const char *words[20] = {NULL};
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            words[2 * i] = keys[i];
            words[2 * i + 1] = strcmp(keys[i], "state") == 0 ? states[k] : EVIL;
        }
        char *page = page_of(&h, words);
        assert_null(strstr(page, "<script"));
        assert_has(page, TAME);
        free(page);
    }
    const struct page_tail t = {.name = EVIL, .channel = "stdout", .text = EVIL, .n = strlen(EVIL)};
    struct str out = STR_INIT;
    page_tail(&t, &out);
    assert_null(strstr(str_text(&out), "<script"));
    assert_has(str_text(&out), "<pre tabindex=0>\n" TAME "</pre>");
    str_fini(&out);
}

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *words[16];
        const char *part;
    } rows[] = {
        {{"name", "g:a", "state", "RUNNING", "pid", "12", "uptime_ms", "90061999"},
         "<th scope=row>g:a</th><td class=good>RUNNING</td><td>pid 12, uptime 1 day, 1:01:01</td>"},
        {{"name", "a", "state", "STOPPED", "pid", "0", "stop", "0"},
         "<td class=soft>STOPPED</td><td>Not started</td>"},
        {{"name", "a", "state", "EXITED", "stop", "1700000000", "exit", "exit status 3"},
         ">EXITED</td><td>Nov 14 10:13 PM; exit status 3</td>"},
        {{"name", "a", "state", "FATAL", "spawnerr", "can't find command"},
         "<td class=bad>FATAL</td><td>can&#39;t find command</td>"},
        {{"name", "a", "state", "STARTING", "waiting", "db: STOPPED"},
         "<td>waits for db: STOPPED</td>"},
        {{"name", "a", "state", "RUNNING", "pid", "3", "health", "FAILED", "health_text", "503"},
         "<td>pid 3; health FAILED; 503</td>"},
        {{"name", "a", "state", "RUNNING"},
         "<button name=do value=\"restart a\" aria-label=\"Restart a\">Restart</button> <button "
         "name=do value=\"stop a\" aria-label=\"Stop a\">Stop</button> "},
        {{"name", "a", "state", "EXITED"},
         "<button name=do value=\"start a\" aria-label=\"Start a\">Start</button> <button name=do "
         "value=\"clear a\" aria-label=\"Clear log a\">Clear log</button> "},
        {{"name", "g:a b", "state", "EXITED"},
         "<a href=\"/tail.html?processname=g%3Aa%20b&amp;channel=stderr\" aria-label=\"stderr of "
         "g:a b\">stderr</a>"},
    };
    const struct page_head h = {.identifier = "i", .token = "t"};
    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *page = page_of(&h, rows[i].words);
        assert_has(page, rows[i].part);
        assert_has(page, "<input type=hidden name=token value=\"t\">");
        assert_has(page, "<caption>1 process: 1 <span");
        assert_has(page, "Stop all");
        free(page);
    }
}

/* What is said of all is not offered beside some; the count is that of all. */
static void test_a_filter(void **state)
{
    (void)state;
    static const char *const words[] = {"name", "web", "state", "RUNNING", NULL};
    const struct page_head h = {.identifier = "i", .token = "t", .filter = "db"};
    char *page = page_of(&h, words);
    assert_null(strstr(page, "all</button>"));
    assert_null(strstr(page, "web"));
    assert_has(page, "<caption>1 process: 1 <span class=good>RUNNING</span>; 0 shown</caption>");
    assert_has(page, "<input type=hidden name=q value=\"db\">");
    assert_has(page, "<a href=\"/?q=db\">Refresh</a>");
    free(page);
}

static void test_tokens(void **state)
{
    (void)state;
    struct page_state *s = page_state_new(), *other = page_state_new();
    struct agent_http a = {.key = "tcp:x", .username = "u", .password = "p"};
    char t[PAGE_TOKEN], id[PAGE_ID];
    assert_true(page_token(s, &a, t));
    assert_int_equal(strlen(t), PAGE_TOKEN - 1);
    assert_true(page_token_fits(s, &a, t));
    assert_false(page_token_fits(other, &a, t));
    struct agent_http same[] = {{.key = "tcp:y", .username = "u", .password = "p"},
                                {.key = "tcp:x", .username = "v", .password = "p"},
                                {.key = "tcp:x", .username = "u", .password = "q"},
                                {.key = "tcp:x", .username = "up", .password = ""},
                                {.key = "tcp:x"}};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_false(page_token_fits(s, &same[i], t));
    t[5] ^= 1;
    assert_false(page_token_fits(s, &a, t));
    assert_false(page_token_fits(s, &a, ""));
    page_keep(s, "done", id);
    assert_string_equal(page_kept(s, id), "done");
    assert_null(page_kept(s, "0000000000000000"));
    assert_null(page_kept(other, id));
    char more[PAGE_ID];
    for (int i = 0; i < 100; i++)
        page_keep(s, "more", more);
    assert_null(page_kept(s, id));
    page_state_free(&s);
    page_state_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text),
                                       cmocka_unit_test(test_nothing_gets_through),
                                       cmocka_unit_test(test_rows), cmocka_unit_test(test_a_filter),
                                       cmocka_unit_test(test_tokens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
