/* ready=log: in the agent: which line of which run makes a program ready. */
#include "supervisor/agent/lines.h"
#include "tests/unit/probe_gen.h"
#include "tests/unit/unit.h"

#include <stdio.h>

struct world {
    struct agentgen *gen;
    struct lines *lines;
    struct str said;
    struct text_piece piece; /* of the next text */
};

static void on_found(void *obj, uint32_t key, uint32_t run, enum lines_found what)
{
    static const char *const words[] = {"found", "skipped", "given up"};
    struct world *w = obj;
    str_printf(&w->said, "%u.%u %s;", key, run, words[what]);
}

static void open_world(struct world *w, const char *conf)
{
    *w = (struct world){.said = STR_INIT, .gen = probe_gen(conf)};
    w->lines = lines_new(on_found, w);
    w->piece =
        (struct text_piece){.program = "web", .process = "web", .slot = 7, .key = 5, .run = 1};
    lines_follow(w->lines, w->gen);
}

static void close_world(struct world *w)
{
    lines_free(&w->lines);
    lines_free(&w->lines);
    agentgen_free(&w->gen);
    str_fini(&w->said);
}

static bool put(struct world *w, const char *text, size_t n)
{
    w->piece.text = text;
    w->piece.len = n;
    bool known = lines_text(w->lines, &w->piece);
    w->piece.skipped = 0;
    return known;
}

static bool text(struct world *w, const char *s)
{
    return put(w, s, strlen(s));
}

static const char *said(struct world *w)
{
    static char copy[256];
    snprintf(copy, sizeof(copy), "%s", str_text(&w->said));
    str_clear(&w->said);
    return copy;
}

#define CONF "[program:web]\ncommand=web\nready=log:^up [0-9]+$\n"

static void test_lines(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, CONF);
    assert_true(text(&w, "starting\nup"));
    assert_true(text(&w, " 1"));
    assert_string_equal(said(&w), ""); /* a line counts when it has ended */
    text(&w, "2\r\nup 3\n");
    assert_string_equal(said(&w), "5.1 found;"); /* once */
    text(&w, "up 4\n");
    assert_string_equal(said(&w), "");
    w.piece.program = "other";
    assert_false(text(&w, "up 4\n"));
    close_world(&w);
}

static void test_runs_and_streams(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, CONF);
    text(&w, "up");
    w.piece.run = 2; /* what the one before had begun is not its own */
    text(&w, " 1\n");
    assert_string_equal(said(&w), "");
    text(&w, "up 1\n");
    assert_string_equal(said(&w), "5.2 found;");
    w.piece.slot = 8; /* another stream, and no line goes over both */
    w.piece.key = 6;
    text(&w, "up");
    w.piece.slot = 7;
    w.piece.key = 9; /* another tap */
    text(&w, " 2\nup 3\n");
    assert_string_equal(said(&w), "9.2 found;");
    w.piece.slot = 8;
    w.piece.key = 6;
    text(&w, " 4\n");
    assert_string_equal(said(&w), "6.2 found;");
    close_world(&w);
}

static void test_what_was_skipped(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, CONF);
    w.piece.skipped = 10;
    text(&w, "");
    assert_string_equal(said(&w), "5.1 skipped;");
    text(&w, "up");
    w.piece.skipped = 1;
    text(&w, " 1\n"); /* torn: no line; and it is said once */
    assert_string_equal(said(&w), "");
    text(&w, "up 2\n");
    assert_string_equal(said(&w), "5.1 found;");
    w.piece.skipped = 1;
    text(&w, "x\n"); /* nobody wants to know any more, but it is no harm */
    close_world(&w);
}

static void test_what_is_too_long(void **state)
{
    (void)state;
    struct world w;
    static char big[70000];
    memset(big, 'x', sizeof(big));
    open_world(&w, CONF);
    put(&w, big, sizeof(big));
    put(&w, big, sizeof(big));
    assert_string_equal(said(&w), "");
    text(&w, "\n");
    assert_string_equal(said(&w), "5.1 given up;");
    memcpy(big, "up 1", 4);
    put(&w, big, 4);
    text(&w, "\n");
    assert_string_equal(said(&w), "5.1 found;");
    close_world(&w);
}

static void test_other_expressions(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, CONF);
    text(&w, "up");
    struct agentgen *next = probe_gen("[program:web]\ncommand=web\nready=log:^up$\n"
                                      "[program:api]\ncommand=api\nready=log:a\tb\n");
    lines_follow(w.lines, next);
    agentgen_free(&w.gen);
    w.gen = next;
    text(&w, "\n");
    assert_string_equal(said(&w), "5.1 found;");
    w.piece.program = "api";
    w.piece.slot = 1;
    text(&w, "a\tb\n");
    assert_string_equal(said(&w), "5.1 found;");
    close_world(&w);
}

static void on_error(void *obj, const struct agent_pattern *p, const char *error)
{
    str_printf(obj, "%s:%u %s %s\n", p->at.file, p->at.line, p->section, error);
}

static void test_check(void **state)
{
    (void)state;
    struct str out = STR_INIT;
    struct agentgen *g = probe_gen("[program:web]\ncommand=web\nready=log:up (\n"
                                   "[program:api]\ncommand=api\nready=log:up\n");
    lines_check(g, on_error, &out);
    assert_non_null(strstr(str_text(&out), ":4 program:web "));
    assert_null(strstr(str_text(&out), "api"));
    str_fini(&out);
    agentgen_free(&g);
}

RUN(TEST(test_lines), TEST(test_runs_and_streams), TEST(test_what_was_skipped),
    TEST(test_what_is_too_long), TEST(test_other_expressions), TEST(test_check))
