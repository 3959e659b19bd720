/* depends_on=, after=, type=, ready= and ready_timeout=: what is refused, and what comes of them.
 */
#include "supervisor/core/ready.h"
#include "tests/unit/conf_text.h"

#define HEAD "[supervisord]\n[program:x]\ncommand=c\n"
#define P(name) "[program:" name "]\ncommand=c\n"

static const struct {
    const char *text, *error; /* NULL: it is right */
} table[] = {
    {HEAD "depends_on=y:ready,z:started\nafter=y\n" P("y") P("z"), NULL},
    {HEAD "depends_on=j:done,j\n" P("j") "type=oneshot\n", NULL},
    {HEAD "depends_on=g\n[group:g]\nprograms=y,z\n" P("y") P("z"), NULL},
    {HEAD "depends_on=yy\n" P("yyy"),
     "/t.conf:4: program:x.depends_on: there is no program yy; did you mean yyy?"},
    {HEAD "after=nothing\n", "/t.conf:4: program:x.after: there is no program nothing"},
    {HEAD "depends_on=y:redy\n" P("y"),
     "/t.conf:4: program:x.depends_on: 'redy' is not one of started, ready, done, as in y:ready"},
    {HEAD "depends_on=y:done\n" P("y"),
     "/t.conf:4: program:x.depends_on: y is a service, which is never done; give it type=oneshot "
     "or type=setup, or write y:ready"},
    {HEAD "depends_on=x\n",
     "/t.conf:4: program:x.depends_on: the programs wait for each other: x -> x"},
    {HEAD "after=y\n" P("y") "depends_on=z\n" P("z") "after=x\n",
     "/t.conf:10: program:z.after: the programs wait for each other: x -> y -> z -> x"},
    {HEAD "depends_on=y\n" P("y") "depends_on=z\n" P("z") "depends_on=y\n",
     "/t.conf:10: program:z.depends_on: the programs wait for each other: y -> z -> y"},
    {HEAD "depends_on=g\n[group:g]\nprograms=y,z\n" P("y") P("z") "after=x\n",
     "/t.conf:4: program:x.depends_on: the programs wait for each other: z -> x -> z"},
    {HEAD "type=job\n", "/t.conf:4: program:x.type: 'job' is not one of service, oneshot, setup"},
    {HEAD "type=setup\nready=notify\n",
     "/t.conf:5: program:x.ready: a setup is done when it exits with success; ready= is for a "
     "service"},
    {HEAD "ready=never\n", "/t.conf:4: program:x.ready: 'never' is not one of startsecs, notify, "
                           "fd:3, pidfile:/run/x.pid, "
                           "log:listening on port, probe:web, command:pg_isready -q"},
    {HEAD "ready=notify:x\n",
     "/t.conf:4: program:x.ready: notify has nothing behind it: 'notify:x'"},
    {HEAD "ready=log:\n",
     "/t.conf:4: program:x.ready: 'log:' needs more, as in log:listening on port"},
    {HEAD "ready=fd:2\n", "/t.conf:4: program:x.ready: '2' is no descriptor from 3 to 1023"},
};

static void test_what_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct conf *c = load_text(table[i].text);
        if (conf_nerrors(c) != (table[i].error ? 1u : 0u))
            fail_msg("%s: %zu errors, %s", table[i].text, conf_nerrors(c),
                     conf_nerrors(c) ? conf_error(c, 0) : "");
        if (table[i].error)
            assert_string_equal(conf_error(c, 0), table[i].error);
        conf_free(&c);
    }
}

static void test_what_has_no_effect(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {HEAD "type=oneshot\nstartsecs=3\n",
         "/t.conf:5: program:x.startsecs: has no effect with type=oneshot"},
        {HEAD "type=setup\nautorestart=true\n",
         "/t.conf:5: program:x.autorestart: has no effect with type=setup"},
        {HEAD "ready_timeout=3s\n",
         "/t.conf:4: program:x.ready_timeout: has no effect with ready=startsecs: what stays up so "
         "long is ready"},
        {HEAD "ready=notify\nstartsecs=3\n",
         "/t.conf:5: program:x.startsecs: has no effect beside ready="},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct conf *c = load_text(rows[i][0]);
        assert_int_equal(conf_nerrors(c), 0);
        assert_int_equal(conf_nwarnings(c), 1);
        assert_string_equal(conf_warning(c, 0), rows[i][1]);
        conf_free(&c);
    }
}

static const struct gen_order *order_of_first(const struct gen *g)
{
    return gen_order(g, gen_opts(g, gen_procs(g)));
}

static void test_the_record(void **state)
{
    (void)state;
    const struct gen *g = gen_of("[supervisord]\n[program:a]\ncommand=c\nready=fd:5\n"
                                 "ready_timeout=9s\ndepends_on=y:started,g\nafter=z\n"
                                 "[group:g]\nprograms=y,z\n" P("y") P("z"));
    const struct gen_order *o = order_of_first(g);
    const struct gen_dep *d = gen_at(g, o->deps);
    assert_int_equal(o->type, PROG_SERVICE);
    assert_int_equal(o->ready, READY_FD);
    assert_int_equal(o->ready_number, 5);
    assert_int_equal(o->ready_timeout_ns, INT64_C(9000000000));
    assert_int_equal(o->ndeps, 3);
    assert_string_equal(gen_str(g, d[0].section), "program:y");
    assert_string_equal(gen_str(g, d[0].group), "g");
    assert_int_equal(d[0].when, ORDER_STARTED);
    assert_true(!d[1].section && d[1].when == ORDER_READY && d[1].hard);
    assert_true(d[2].section && !d[2].hard);
    gen_close(&g);
}

static void test_without_any_there_is_no_record(void **state)
{
    (void)state;
    const struct gen *g = gen_of(HEAD "startretries=2\n");
    assert_null(order_of_first(g));
    gen_close(&g);
}

static int retries_of(const char *text)
{
    const struct gen *g = gen_of(text);
    int n = gen_opts(g, gen_procs(g))->startretries;
    gen_close(&g);
    return n;
}

static void test_a_oneshot_is_not_tried_again_unless_it_says_so(void **state)
{
    (void)state;
    assert_int_equal(retries_of(HEAD "type=oneshot\n"), 0);
    assert_int_equal(retries_of(HEAD "type=oneshot\nstartretries=2\n"), 2);
    assert_int_equal(retries_of(HEAD "type=setup\n"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_what_has_no_effect),
        cmocka_unit_test(test_the_record),
        cmocka_unit_test(test_without_any_there_is_no_record),
        cmocka_unit_test(test_a_oneshot_is_not_tried_again_unless_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
