/* A fault of supd in the middle of an update of a stream: its successor finds and repeats it, and
 * supd-log never sees half of it. */
#include "unit.h"

#include "supervisor/run/logs_impl.h"

static struct gen_log file = {.sink = GEN_SINK_FILE};

static struct logs_conf conf(const char *path)
{
    return (struct logs_conf){
        .process = "a", .program = "a", .group = "a", .log = &file, .path = path, .uid = -1};
}

static const char *path_of(struct logs *g, struct log_stream *s)
{
    static char buf[LOGSHM_PATH];
    return logshm_path(g->mem.h, logs_shared(s), buf);
}

static void an_update_cut_short_is_repeated(void **state)
{
    (void)state;
    struct err e;
    struct loop *loop = loop_new(&e);
    const struct logs_setup setup = {.program = "/nonexistent", .identifier = "x"};
    const struct logs_conf old = conf("/tmp/old.log"), new = conf("/tmp/new.log");
    struct logs *g = logs_new(loop, &setup, &e);
    assert_non_null(g);
    struct log_stream *s = logs_add(g, &old, &e);
    assert_non_null(s);
    struct logshm_stream *r = logs_shared(s);
    assert_false(logs_is_torn(s) || logs_main_is_torn(g));
    r->seq++; /* as the fault leaves it */
    r->path = 0;
    assert_true(logs_is_torn(s));
    assert_int_equal(logs_update(s, &new, &e), 0);
    assert_false(logs_is_torn(s));
    assert_string_equal(path_of(g, s), "/tmp/new.log");
    r->seq++;
    logs_print(s, true);
    assert_false(logs_is_torn(s));
    logs_print(s, true);
    assert_false(logs_is_torn(s));
    logs_shared(g->main)->seq++;
    assert_true(logs_main_is_torn(g));
    assert_int_equal(logs_main_update(g, &(struct logs_main){0}, &e), 1);
    assert_false(logs_main_is_torn(g));
    assert_int_equal(logs_main_update(g, &(struct logs_main){0}, &e), 0);
    logs_free(&g);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(an_update_cut_short_is_repeated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
