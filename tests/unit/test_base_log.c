/* The program's own log: its form, its levels, and what happens when nobody reads it. */
#include "tests/unit/unit.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <regex.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];
static char got[70000];

static void start(enum log_level level, bool json)
{
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_setup(ends[1], level, json);
    assert_int_equal(log_fd(), ends[1]);
}

/* everything that was written since the last call */
static const char *written(void)
{
    ssize_t n = read(ends[0], got, sizeof(got) - 1);
    got[n > 0 ? n : 0] = '\0';
    return got;
}

static void stop(void)
{
    log_setup(2, LVL_INFO, false);
    log_ident("");
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

static void matches(const char *text, const char *pattern)
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int miss = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    if (miss)
        fail_msg("'%s' does not match '%s'", text, pattern);
}

#define STAMP "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3} "

static void form(void **state)
{
    (void)state;
    start(LVL_INFO, false);
    errno = 55;
    log_info("program web: started pid=%d", 7);
    assert_int_equal(errno, 55);
    matches(written(), STAMP "INFO program web: started pid=7\n$");
    log_ident("supd-log: ");
    log_error("x");
    matches(written(), STAMP "ERRO supd-log: x\n$");
    log_crit("a\nb\x01\x7f");
    matches(written(), STAMP "CRIT supd-log: a\\\\nb\\\\x01\\\\x7f\n$");
    stop();
}

static void blocks(void **state)
{
    (void)state;
    start(LVL_DEBUG, false);
    log_ident("supd-log: ");
    log_block(LVL_DEBUG, "'p' stdout output", "one\n\x01", 5);
    matches(written(), STAMP "DEBG 'p' stdout output:\none\n\x01\n$");
    static char many[100000];
    memset(many, 'x', sizeof(many));
    log_block(LVL_DEBUG, "h", many, sizeof(many)); /* more than the pipe takes */
    size_t n = 0;
    for (const char *at = written(); (at = strstr(at, "DEBG h:\nx")); at++)
        n++;
    assert_true(n > 10 && n < sizeof(many) / 3072);
    log_block(LVL_DEBUG, "h", "y", 1);
    matches(written(),
            STAMP "WARN supd-log: [0-9]+ lines of this log were dropped\n[^\n]*DEBG h:\ny\n$");
    log_setup(ends[1], LVL_DEBUG, true);
    log_block(LVL_DEBUG, "h", "a\"\n", 3);
    json_t *line = json_loads(written(), 0, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "message")), "h:\na\"\n");
    json_decref(line);
    stop();
}

static void levels(void **state)
{
    (void)state;
    static const char *const names[] = {"critical", "error", "warn",   "info",
                                        "debug",    "trace", "blather"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(log_level_name((enum log_level)log_level_by_name(names[i])), names[i]);
    assert_int_equal(log_level_by_name("WARN"), -1);
    assert_int_equal(log_level_by_name(""), -1);
    start(LVL_WARN, false);
    log_info("no");
    log_debug("no");
    assert_string_equal(written(), "");
    log_warn("yes");
    matches(written(), "WARN yes\n$");
    stop();
}

static json_t *parsed(const char *line)
{
    json_error_t e;
    json_t *j = json_loads(line, 0, &e);
    if (!j)
        fail_msg("%s: %s", e.text, line);
    return j;
}

static void json_form(void **state)
{
    (void)state;
    start(LVL_INFO, true);
    log_warn("say \"hi\" \\ \n\t\x01 \xc3\xa4 and \xff\xfe end");
    json_t *j = parsed(written());
    matches(json_string_value(json_object_get(j, "time")),
            "^[0-9-]{10}T[0-9:]{8}\\.[0-9]{3}(Z|[+-][0-9]{2}:[0-9]{2})$");
    assert_string_equal(json_string_value(json_object_get(j, "level")), "warn");
    matches(json_string_value(json_object_get(j, "message")),
            "^say \"hi\" .* \xc3\xa4 and .* end$");
    json_decref(j);
    stop();
}

static void long_lines_are_cut_and_marked(void **state)
{
    (void)state;
    static char text[9001];
    memset(text, 'x', sizeof(text) - 1);
    start(LVL_INFO, false);
    log_info("%s", text);
    size_t n = strlen(written());
    assert_in_range(n, 4000, 4096);
    assert_string_equal(got + n - 4, "...\n");
    memset(text, 1, sizeof(text) - 1);
    log_info("%s", text);
    n = strlen(written());
    assert_in_range(n, 4000, 4096);
    assert_string_equal(got + n - 4, "...\n");
    log_info("%.1000s", text);
    assert_string_equal(written() + strlen(got) - 5, "\\x01\n");
    log_setup(ends[1], LVL_INFO, true);
    log_info("%s", text);
    assert_in_range(strlen(written()), 4000, 4096);
    json_decref(parsed(got));
    stop();
}

static void fill(void)
{
    char block[4096] = {0};
    while (write(ends[1], block, sizeof(block)) > 0)
        ;
}

static void drain(void)
{
    char block[4096];
    while (read(ends[0], block, sizeof(block)) > 0)
        ;
}

static void dropped_lines_are_counted(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        start(LVL_INFO, json);
        fill();
        log_info("lost one");
        log_info("lost two");
        drain();
        log_info("back");
        const char *text = written();
        assert_null(strstr(text, "lost"));
        matches(text, "2 lines .*dropped");
        assert_non_null(strstr(text, "back"));
        assert_true(strstr(text, "dropped") < strstr(text, "back"));
        if (json) {
            *strchr(got, '\n') = '\0';
            json_decref(parsed(got));
        } else {
            matches(text, STAMP "WARN ");
        }
        log_info("more");
        assert_null(strstr(written(), "dropped"));
        stop();
    }
}

static unsigned lines_in(const char *text)
{
    unsigned n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void held_lines_come_later_and_in_order(void **state)
{
    (void)state;
    start(LVL_INFO, false);
    log_hold();
    log_info("one");
    log_info("two");
    assert_string_equal(written(), "");
    log_release();
    matches(written(), STAMP "INFO one\n[^\n]* INFO two\n$");
    log_info("three");
    matches(written(), STAMP "INFO three\n$");
    log_hold();
    for (int i = 0; i < 1000; i++) {
        log_info("line %d", i);
        if (i % 300 == 0)
            log_hold(); /* again: changes nothing */
    }
    log_release();
    assert_int_equal(lines_in(written()), 1000);
    for (int i = 0; i < 1000; i++) {
        char want[32];
        snprintf(want, sizeof(want), " line %d\n", i);
        assert_non_null(strstr(got, want));
    }
    log_hold();
    log_info("last");
    log_setup(ends[1], LVL_INFO, false);
    matches(written(), STAMP "INFO last\n$");
    stop();
}

static void a_fork_does_not_write_what_its_parent_holds(void **state)
{
    (void)state;
    int status;
    start(LVL_INFO, false);
    log_hold();
    log_info("of the parent");
    pid_t pid = fork();
    if (pid == 0) {
        log_info("of the child");
        log_release();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    matches(written(), STAMP "INFO of the child\n$");
    log_release();
    matches(written(), STAMP "INFO of the parent\n$");
    stop();
}

static void held_lines_that_do_not_fit_are_counted(void **state)
{
    (void)state;
    start(LVL_INFO, false);
    fill();
    log_hold();
    log_info("lost");
    log_info("lost, too");
    log_release();
    drain();
    log_info("found");
    matches(written(), "WARN 2 lines of this log were dropped\n[^\n]* INFO found\n$");
    stop();
}

static void limits(void **state)
{
    (void)state;
    long long next = 0;
    assert_true(log_limit_pass(&next, 1000));
    assert_false(log_limit_pass(&next, 1000));
    next = 1;
    assert_true(log_limit_pass(&next, 1000));
    int passed = 0;
    for (int i = 0; i < 10; i++)
        if (LOG_LIMIT(1000))
            passed++;
    assert_int_equal(passed, 1);
}

RUN(TEST(form), TEST(blocks), TEST(levels), TEST(json_form), TEST(long_lines_are_cut_and_marked),
    TEST(dropped_lines_are_counted), TEST(held_lines_come_later_and_in_order),
    TEST(a_fork_does_not_write_what_its_parent_holds), TEST(held_lines_that_do_not_fit_are_counted),
    TEST(limits))
