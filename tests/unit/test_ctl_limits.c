/* The control server: every bound, the socket file, and the hand-over of a connection. */
#include "tests/unit/ctl_world.h"

/* ---- bounds ---- */

static void test_long_lines(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){0});
    int fd = join(&w, CTL_ADMIN), fd2 = join(&w, CTL_ADMIN);
    struct str line = STR_INIT;
    str_puts(&line, "a ping ");
    while (line.len < WIRE_LINE_MAX)
        str_putc(&line, 'x');
    str_putc(&line, '\n');
    assert_string_equal(ask(&w, fd, line.s), "a ok n=1\n"); /* exactly the limit */
    str_drop(&line, 1);
    line.s[line.len - 1] = 'y'; /* no newline */
    str_puts(&line, "zz");
    const char *got = ask(&w, fd2, line.s);
    assert_string_equal(got, "* error BAD_REQUEST a line is longer than 65536 bytes\n<closed>");
    str_fini(&line);
    close(fd);
    close(fd2);
    close_world(&w);
}

static void test_half_request_times_out(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){.stall = DUR_MS(400)}); /* a busy machine is late, too */
    int fd = join(&w, CTL_ADMIN), idle = join(&w, CTL_ADMIN);
    assert_string_equal(ask(&w, fd, "a pi"), "");
    turn(&w, 100);
    say(fd, "n"); /* one more byte buys no more time */
    turn(&w, 350);
    assert_string_equal(hear(&w, fd), "<closed>");
    assert_string_equal(hear(&w, idle), ""); /* an idle one may stay for ever */
    assert_int_equal(w.nclosed, 1);
    close(fd);
    close(idle);
    close_world(&w);
}

static void test_slow_reader_dropped(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){.stall = DUR_MS(60)});
    int fd = join(&w, CTL_ADMIN), good = join(&w, CTL_ADMIN);
    say(fd, "a big 2000000\n");
    turn(&w, 5);
    assert_string_equal(ask(&w, good, "1 ping\n"), "1 ok n=0\n"); /* nobody else waits */
    turn(&w, 120);
    assert_int_equal(w.nclosed, 1);
    struct ctl_stats st;
    ctl_stats(w.ctl, &st);
    assert_int_equal(st.dropped, 1);
    close(fd);
    close(good);
    close_world(&w);
}

static void test_steady_reader_gets_all(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){.stall = DUR_MS(500)});
    int fd = join(&w, CTL_ADMIN);
    size_t got = 0;
    say(fd, "a big 5000000\nb ping\n");
    for (int i = 0; i < 500 && got < 5000000 + 32; i++) {
        turn(&w, 3);
        hear(&w, fd);
        got += w.in.len;
    }
    /* "a bytes 5000000\n", the bytes, "\na ok\nb ok n=0\n" */
    assert_int_equal(got, 16 + 5000000 + 1 + 5 + 9);
    close(fd);
    close_world(&w);
}

/* a client that asks and asks and never reads is not served further, and costs no more memory */
static void test_unread_output_blocks_requests(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){.out_high = 500000});
    int fd = join(&w, CTL_ADMIN);
    for (int i = 0; i < 30; i++) {
        char line[32];
        snprintf(line, sizeof(line), "r%d big 400000\n", i);
        say(fd, line);
    }
    turn(&w, 20);
    struct ctl_stats st;
    ctl_stats(w.ctl, &st);
    assert_true(st.requests < 6);
    assert_int_equal(w.nclosed, 0);
    size_t got = 0;
    for (int i = 0; i < 500 && got < 30 * 400000; i++) {
        turn(&w, 1);
        hear(&w, fd);
        got += w.in.len;
    }
    ctl_stats(w.ctl, &st);
    assert_int_equal(st.requests, 30);
    close(fd);
    close_world(&w);
}

/* what can never be kept is no reason to go */
static void test_answer_too_large(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){.out_max = 100000});
    int fd = join(&w, CTL_ADMIN);
    assert_string_equal(ask(&w, fd, "a ping\nb big 200000\nc ping\n"),
                        "a ok n=0\n"
                        "b error FAILED the answer is too large to be kept for you; ask for fewer "
                        "names at once\n"
                        "c ok n=0\n");
    say(fd, "d defer\n");
    turn(&w, 5);
    assert_string_equal(ask(&w, fd, "e big 99000\nf ping\n") + strlen("e bytes 99000\n") + 99000,
                        "\ne ok\nf ok n=0\n");
    assert_int_equal(w.nclosed, 0);
    close(fd);
    close_world(&w);
}

static void test_output_limit(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct ctl_limits){.out_max = 1000000});
    int fd = join(&w, CTL_ADMIN);
    ask(&w, fd, "s sub\n");
    char big[2000];
    memset(big, 'n', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    for (int i = 0; i < 1000; i++)
        publish(&w, big);
    turn(&w, 2);
    assert_int_equal(w.nclosed, 1);
    close(fd);
    close_world(&w);
}

/* ---- the socket ---- */

static void test_real_socket(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct stat st;
    open_world(&w, (struct ctl_limits){0});
    assert_int_equal(ctl_open(w.ctl, w.path, -1, &e), 0);
    assert_string_equal(ctl_path(w.ctl), w.path);
    assert_int_equal(stat(w.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    int fd = dial(&w);
    assert_non_null(strstr(ask(&w, fd, "1 admin\n"), "1 ok n=0\n"));
    close(fd);
    close_world(&w);
}

static void test_removed_socket_comes_back(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    open_world(&w, (struct ctl_limits){0});
    assert_int_equal(ctl_open(w.ctl, w.path, -1, &e), 0);
    int old = dial(&w);
    turn(&w, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(unlink(w.path), 0);
        turn(&w, 5);
        int fd = dial(&w);
        assert_non_null(strstr(ask(&w, fd, "1 ping\n"), "1 ok n=0\n"));
        close(fd);
    }
    assert_non_null(strstr(ask(&w, old, "1 ping\n"), "1 ok n=0\n")); /* who was there stays */
    close(old);
    close_world(&w);
}

/* with the folder gone, too, it comes back once the folder does */
static void test_removed_folder_comes_back(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    open_world(&w, (struct ctl_limits){0});
    assert_int_equal(ctl_open(w.ctl, w.path, -1, &e), 0);
    unlink(w.path);
    rmdir(w.dir);
    turn(&w, 20);
    assert_int_equal(access(w.path, F_OK), -1);
    assert_int_equal(mkdir(w.dir, 0700), 0);
    for (int i = 0; i < 30 && access(w.path, F_OK) < 0; i++)
        turn(&w, 100);
    int fd = dial(&w);
    assert_non_null(strstr(ask(&w, fd, "1 ping\n"), "1 ok n=0\n"));
    close(fd);
    close_world(&w);
}

static void test_second_server_refused(void **state)
{
    (void)state;
    struct world w, v;
    struct err e;
    open_world(&w, (struct ctl_limits){0});
    open_world(&v, (struct ctl_limits){0});
    assert_int_equal(ctl_open(w.ctl, w.path, -1, &e), 0);
    assert_int_equal(ctl_open(v.ctl, w.path, -1, &e), -1);
    assert_non_null(strstr(e.msg, "in use"));
    ctl_free(&v.ctl);
    assert_int_equal(access(w.path, F_OK), 0); /* not its socket: not removed */
    close_world(&v);
    close_world(&w);
}

static void test_too_many_clients(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    int fds[5];
    open_world(&w, (struct ctl_limits){.clients = 4, .idle = DUR_MS(1000)});
    assert_int_equal(ctl_open(w.ctl, w.path, -1, &e), 0);
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(&w);
        turn(&w, 2);
        hear(&w, fds[i]);
    }
    int extra = dial(&w);
    turn(&w, 2);
    assert_string_equal(hear(&w, extra), "* error BUSY too many clients; try again\n<closed>");
    close(extra);
    ask(&w, fds[0], "a defer\n"); /* the oldest, but not idle */
    turn(&w, 1100);
    fds[4] = dial(&w);
    turn(&w, 2);
    assert_string_equal(hear(&w, fds[1]),
                        "* error BUSY too many clients, and this one was idle\n<closed>");
    assert_non_null(strstr(ask(&w, fds[4], "1 ping\n"), "1 ok"));
    assert_string_equal(hear(&w, fds[0]), "");
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    close_world(&w);
}

/* no descriptors left: no spinning, and service goes on as soon as there are some */
static void test_emfile(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct rlimit old, tight;
    open_world(&w, (struct ctl_limits){0});
    assert_int_equal(ctl_open(w.ctl, w.path, -1, &e), 0);
    int served = dial(&w), waiting = dial(&w);
    turn(&w, 2);
    hear(&w, served);
    hear(&w, waiting);
    int fd = dial(&w);
    getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    turn(&w, 20);
    assert_string_equal(hear(&w, fd), "");
    assert_string_equal(ask(&w, served, "1 ping\n"), "1 ok n=0\n");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    turn(&w, 1100);
    assert_non_null(strstr(ask(&w, fd, "1 ping\n"), "1 ok n=0\n"));
    close(fd);
    close(served);
    close(waiting);
    close_world(&w);
}

/* ---- hand-over ---- */

static void test_handover(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    open_world(&w, (struct ctl_limits){0});
    assert_int_equal(ctl_open(w.ctl, w.path, -1, &e), 0);
    int fd = dial(&w);
    assert_non_null(strstr(ask(&w, fd, "t hand\n"), "supd 1"));
    assert_true(w.handed >= 0);
    turn(&w, 5);
    say(w.handed, "from elsewhere\n");
    assert_string_equal(hear(&w, fd), "from elsewhere\n"); /* and not closed */
    struct ctl_stats st;
    ctl_stats(w.ctl, &st);
    assert_int_equal(st.clients, 0);
    fd_close(&w.handed);
    assert_string_equal(hear(&w, fd), "<closed>");
    close(fd);
    fd = dial(&w);
    assert_non_null(strstr(ask(&w, fd, "a defer\nt hand\n"), "t error BUSY"));
    close(fd);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_half_request_times_out),
        cmocka_unit_test(test_slow_reader_dropped),
        cmocka_unit_test(test_steady_reader_gets_all),
        cmocka_unit_test(test_unread_output_blocks_requests),
        cmocka_unit_test(test_answer_too_large),
        cmocka_unit_test(test_output_limit),
        cmocka_unit_test(test_real_socket),
        cmocka_unit_test(test_removed_socket_comes_back),
        cmocka_unit_test(test_removed_folder_comes_back),
        cmocka_unit_test(test_second_server_refused),
        cmocka_unit_test(test_too_many_clients),
        cmocka_unit_test(test_emfile),
        cmocka_unit_test(test_handover),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
