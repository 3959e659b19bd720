/* The control server: requests, roles, deferred answers, events. */
#include "tests/unit/ctl_world.h"

/* ---- requests ---- */

static void test_requests(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN);
    assert_string_equal(ask(&w, fd, "1 ping\n"), "1 ok n=0\n");
    assert_string_equal(ask(&w, fd, "\n\r\n  \n2 ping a b\r\n"), "2 ok n=2\n");
    assert_string_equal(ask(&w, fd, "3 echo a\\x20b\\n\tc\n"), "3 + arg=a b\\n\n3 + arg=c\n3 ok\n");
    assert_string_equal(ask(&w, fd, "4 pong\n"),
                        "4 error BAD_REQUEST no such verb 'pong'; did you mean 'ping'?\n");
    assert_string_equal(ask(&w, fd, "5 echo\n"), "5 error BAD_REQUEST usage: echo ARG...\n");
    assert_string_equal(ask(&w, fd, "6\n"),
                        "6 error BAD_REQUEST a verb is missing; 'help' lists them\n");
    assert_string_equal(
        ask(&w, fd, "bad! ping\n"),
        "* error BAD_REQUEST a request is: ID VERB ARG...; the id is 1 to 16 of A-Z a-z 0-9 _ -\n");
    assert_non_null(strstr(ask(&w, fd, "7 ping \\q\n"), "7 error BAD_REQUEST bad escape"));
    close(fd);
    turn(&w, 2);
    assert_int_equal(w.nclosed, 1);
    close_world(&w);
}

static void test_pipelined_and_split(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN);
    assert_string_equal(ask(&w, fd, "a ping\nb ping x\nc ech"), "a ok n=0\nb ok n=1\n");
    assert_string_equal(ask(&w, fd, "o y"), "");
    assert_string_equal(ask(&w, fd, "\n"), "c + arg=y\nc ok\n");
    close(fd);
    close_world(&w);
}

/* far more requests than one turn handles: all are answered, in order */
static void test_many_pipelined(void **state)
{
    (void)state;
    struct world w;
    struct str want = STR_INIT, line = STR_INIT, got = STR_INIT;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN);
    for (int i = 0; i < 2000; i++) {
        str_printf(&line, "r%d ping\n", i);
        str_printf(&want, "r%d ok n=0\n", i);
    }
    say(fd, line.s);
    for (int i = 0; i < 50 && got.len < want.len; i++) {
        turn(&w, 2);
        str_puts(&got, hear(&w, fd));
    }
    assert_string_equal(got.s, want.s);
    str_fini(&want);
    str_fini(&line);
    str_fini(&got);
    close(fd);
    close_world(&w);
}

static void test_roles(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_READER);
    assert_string_equal(ask(&w, fd, "1 ping\n"), "1 ok n=0\n");
    assert_non_null(strstr(ask(&w, fd, "2 admin\n"), "2 error DENIED admin needs root"));
    int agent = join(&w, CTL_AGENT);
    assert_non_null(strstr(ask(&w, agent, "2 echo x\n"), "2 error DENIED"));
    close(fd);
    close(agent);
    close_world(&w);
}

/* ---- deferral ---- */

static void test_deferred_out_of_order(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN);
    assert_string_equal(ask(&w, fd, "a defer\nb defer\nc ping\na ping\n"),
                        "c ok n=0\na error BAD_REQUEST this id is in use\n");
    ctl_error(w.kept[1], WIRE_SPAWN_ERROR, "%s", "two\nlines");
    turn(&w, 2);
    assert_string_equal(hear(&w, fd), "b error SPAWN_ERROR two\\nlines\n");
    ctl_ok(w.kept[0]);
    turn(&w, 2);
    assert_string_equal(hear(&w, fd), "a ok\n");
    assert_string_equal(ask(&w, fd, "a ping\n"), "a ok n=0\n"); /* the id is free again */
    close(fd);
    close_world(&w);
    assert_int_equal(w.ncancelled, 0);
}

static void test_vanished_client_cancels(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN), other = join(&w, CTL_ADMIN);
    say(fd, "a defer\nb defer\n");
    say(other, "a defer\n");
    turn(&w, 2);
    close(fd);
    turn(&w, 2);
    assert_int_equal(w.ncancelled, 2);
    assert_int_equal(w.nclosed, 1);
    for (size_t i = 0; i < w.nkept; i++)
        if (w.kept[i])
            ctl_ok(w.kept[i]);
    turn(&w, 2);
    assert_string_equal(hear(&w, other), "a ok\n");
    say(other, "b defer\n");
    turn(&w, 2);
    close_world(&w); /* cancels what is still in flight */
    assert_int_equal(w.ncancelled, 3);
    close(other);
}

static void test_inflight_limit_waits(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){.inflight = 2});
    int fd = join(&w, CTL_ADMIN);
    assert_string_equal(ask(&w, fd, "a defer\nb defer\nc ping\nd ping\n"), "");
    ctl_ok(w.kept[0]);
    turn(&w, 2);
    assert_string_equal(hear(&w, fd), "a ok\nc ok n=0\nd ok n=0\n");
    ctl_ok(w.kept[1]);
    close(fd);
    close_world(&w);
}

/* printf '...' | nc -N: the answers still come, and then the end */
static void test_half_close(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN);
    say(fd, "a defer\nb ping\n");
    shutdown(fd, SHUT_WR);
    turn(&w, 2);
    assert_string_equal(hear(&w, fd), "b ok n=0\n");
    ctl_ok(w.kept[0]);
    turn(&w, 2);
    assert_string_equal(hear(&w, fd), "a ok\n<closed>");
    close(fd);
    close_world(&w);
}

/* ---- events ---- */

static void test_subscribe_without_gap(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN), late = join(&w, CTL_ADMIN);
    publish(&w, "unheard");
    assert_string_equal(ask(&w, fd, "s sub\n"), "s + name=snapshot\ns ok seq=1\n");
    publish(&w, "a b");
    publish(&w, "c");
    say(late, "L sub\n");
    turn(&w, 2);
    publish(&w, "d");
    turn(&w, 2);
    assert_string_equal(hear(&w, fd), "s event seq=2\ttype=test\tname=a b\n"
                                      "s event seq=3\ttype=test\tname=c\n"
                                      "s event seq=4\ttype=test\tname=d\n");
    assert_string_equal(hear(&w, late),
                        "L + name=snapshot\nL ok seq=3\nL event seq=4\ttype=test\tname=d\n");
    assert_non_null(strstr(ask(&w, fd, "s2 sub\n"), "s2 error BAD_REQUEST this connection"));
    struct ctl_stats st;
    ctl_stats(w.ctl, &st);
    assert_int_equal(st.subscribers, 2);
    close(fd);
    turn(&w, 2);
    ctl_stats(w.ctl, &st);
    assert_int_equal(st.subscribers, 1);
    close(late);
    close_world(&w);
}

static void test_event_to_one(void **state)
{
    (void)state;
    struct world w;
    struct wire_out out;
    int sv[2];
    open_world(&w, (struct ctl_limits){0});
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
    struct ctl_client *cl = ctl_adopt(w.ctl, sv[0], CTL_AGENT, NULL, NULL);
    assert_false(ctl_event_to(cl, "request", &out));
    ask(&w, sv[1], "s sub\n");
    assert_true(ctl_event_to(cl, "request", &out));
    wire_kv(&out, "ref", "1");
    wire_end(&out);
    turn(&w, 2);
    assert_string_equal(hear(&w, sv[1]), "s event type=request\tref=1\n");
    ctl_drop(cl);
    turn(&w, 2);
    assert_string_equal(hear(&w, sv[1]), "<closed>");
    close(sv[1]);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_pipelined_and_split),
        cmocka_unit_test(test_many_pipelined),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_deferred_out_of_order),
        cmocka_unit_test(test_vanished_client_cancels),
        cmocka_unit_test(test_inflight_limit_waits),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_subscribe_without_gap),
        cmocka_unit_test(test_event_to_one),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
