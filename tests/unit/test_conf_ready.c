/* ready= and watchdog=: what is refused, and what a generation has of them. */
#include "supervisor/core/ready.h"
#include "tests/unit/conf_text.h"

#define HEAD "[supervisord]\n[program:web]\ncommand=a\n"
#define PROBE "[probe:up]\ntype=tcp\naddress=127.0.0.1:80\n"

static void refused(const char *text, const char *error)
{
    struct conf *c = load_text(text);
    if (conf_nerrors(c) != 1)
        fail_msg("%s: %zu errors", text, conf_nerrors(c));
    assert_string_equal(strip_root(conf_error(c, 0)), error);
    conf_free(&c);
}

static void test_refused(void **state)
{
    (void)state;
    refused(HEAD "ready=soon\n",
            "t.conf:4: program:web.ready: 'soon' is not one of startsecs, notify, fd:3, "
            "pidfile:/run/x.pid, log:listening on port, probe:web, command:pg_isready -q");
    refused(HEAD "ready=notify:x\n",
            "t.conf:4: program:web.ready: notify has nothing behind it: 'notify:x'");
    refused(HEAD "ready=fd\n", "t.conf:4: program:web.ready: 'fd' needs more, as in fd:3");
    refused(HEAD "ready=fd:2\n",
            "t.conf:4: program:web.ready: '2' is no descriptor from 3 to 1023");
    refused(HEAD "ready=pidfile:web.pid\n",
            "t.conf:4: program:web.ready: the path of a pid file has to begin with /, or with "
            "%(here)s");
    refused(HEAD "ready=command:'a\n",
            "t.conf:4: program:web.ready: can't parse command ''a': No closing quotation");
    refused(HEAD "ready=command: \n",
            "t.conf:4: program:web.ready: 'command:' needs more, as in command:pg_isready -q");
    refused(HEAD "ready=probe:up\n", "t.conf:4: program:web.ready: there is no [probe:up]");
    refused(HEAD "ready=probe:up\n" PROBE,
            "t.conf:4: program:web.ready: [probe:up] does not look at this program: it needs "
            "program=web");
    refused(HEAD "ready=probe:up\nnumprocs=2\nprocess_name=%(process_num)d\n" PROBE "program=web\n",
            "t.conf:4: program:web.ready: a probe looks at the program as a whole and cannot say "
            "which of its processes (numprocs) is ready");
    refused(HEAD "type=setup\nwatchdog=30s\n",
            "t.conf:5: program:web.watchdog: has no effect with type=oneshot or setup: they are "
            "not RUNNING for long; ready_timeout limits how long they may take");
    refused(HEAD "notify_access=exec\n",
            "t.conf:4: program:web.notify_access: 'exec' is not one of all, main");
}

static const struct gen_order *order_in(const struct gen *g)
{
    return gen_order(g, gen_opts(g, gen_procs(g)));
}

static void test_generation(void **state)
{
    (void)state;
    const struct gen *g = gen_of(HEAD "ready=fd:7\nwatchdog=1m30s\nnotify_access=main\n");
    const struct gen_order *o = order_in(g);
    assert_int_equal(o->ready, READY_FD);
    assert_int_equal(o->ready_number, 7);
    assert_int_equal(o->watchdog_ns, INT64_C(90000000000));
    assert_int_equal(o->notify_main, 1);
    gen_close(&g);
    g = gen_of(HEAD "ready=pidfile:%(here)s/web.pid\n");
    assert_string_equal(gen_str(g, order_in(g)->ready_arg), "//web.pid");
    assert_int_equal(order_in(g)->watchdog_ns, 0);
    gen_close(&g);
    g = gen_of(HEAD "ready=probe:up\n" PROBE "program=web\n");
    assert_int_equal(order_in(g)->ready, READY_PROBE);
    gen_close(&g);
    g = gen_of(HEAD "ready=command:up --port '8 0'\n");
    o = order_in(g);
    assert_int_equal(o->argc, 3);
    assert_string_equal(gen_str(g, ((const goff *)gen_at(g, o->argv))[2]), "8 0");
    assert_int_equal(o->ncandidates, 2);
    assert_string_equal(gen_str(g, ((const goff *)gen_at(g, o->candidates))[1]), "/bin/up");
    gen_close(&g);
    g = gen_of(HEAD);
    assert_null(order_in(g));
    gen_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_generation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
