/* The control server on socketpairs and on a real socket: requests, deferral, events, every bound.
 */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEPT_MAX 200

struct world {
    struct loop *loop;
    struct loop_timer stop;
    struct ctl *ctl;
    struct ctl_req *kept[KEPT_MAX]; /* of "defer", in order of arrival */
    size_t nkept, ncancelled, nclosed;
    int handed;
    char dir[64], path[96];
    struct str in; /* read from the client end by ask() */
};

/* ---- verbs of the test ---- */

static void verb_ping(void *obj, struct ctl_req *rq)
{
    (void)obj;
    struct wire_out w = ctl_ok_begin(rq);
    wire_kv_int(&w, "n", (int64_t)rq->argc);
    ctl_done(rq, &w);
}

static void verb_echo(void *obj, struct ctl_req *rq)
{
    (void)obj;
    for (size_t i = 0; i < rq->argc; i++) {
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "arg", rq->argv[i]);
        wire_end(&w);
    }
    ctl_ok(rq);
}

static void on_cancel(struct ctl_req *rq)
{
    struct world *w = rq->data;
    w->ncancelled++;
    for (size_t i = 0; i < w->nkept; i++)
        if (w->kept[i] == rq)
            w->kept[i] = NULL;
}

static void verb_defer(void *obj, struct ctl_req *rq)
{
    struct world *w = obj;
    assert_true(w->nkept < KEPT_MAX);
    rq->data = w;
    rq->cancel = on_cancel;
    w->kept[w->nkept++] = rq;
}

static void verb_sub(void *obj, struct ctl_req *rq)
{
    (void)obj;
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", "snapshot");
    wire_end(&w);
    ctl_subscribe(rq);
}

static void verb_big(void *obj, struct ctl_req *rq)
{
    (void)obj;
    size_t n = (size_t)atol(rq->argv[0]);
    char *p = malloc(n + 1);
    memset(p, 'x', n);
    ctl_bytes(rq, p, n);
    free(p);
    ctl_ok(rq);
}

static void verb_hand(void *obj, struct ctl_req *rq)
{
    struct world *w = obj;
    const char *pending;
    uint32_t n;
    w->handed = ctl_handover(rq, &pending, &n);
    if (w->handed < 0)
        ctl_error(rq, WIRE_BUSY, "this needs a connection of its own");
    else
        ctl_handed(rq);
}

static const struct ctl_verb verbs[] = {
    {"ping", verb_ping, CTL_ANYONE, 0, CTL_ANY_ARGS, "[ARG...]", ""},
    {"echo", verb_echo, CTL_READ, 1, CTL_ANY_ARGS, "ARG...", ""},
    {"defer", verb_defer, CTL_ANYONE, 0, 0, "", ""},
    {"sub", verb_sub, CTL_ANYONE, 0, 0, "", ""},
    {"big", verb_big, CTL_ANYONE, 1, 1, "BYTES", ""},
    {"hand", verb_hand, CTL_ANYONE, 0, 0, "", ""},
    {"admin", verb_ping, CTL_ADMIN, 0, 0, "", ""},
};

/* ---- the world ---- */

static void stop(struct world *w)
{
    loop_stop(w->loop);
}

/* lets the loop turn for so many milliseconds */
static void turn(struct world *w, int ms)
{
    loop_refresh(w->loop);
    loop_timer_at(&w->stop, mono_add(loop_now(w->loop), DUR_MS(ms)));
    loop_run(w->loop);
}

static void open_world(struct world *w, struct ctl_limits limits)
{
    struct err e;
    memset(w, 0, sizeof(*w));
    w->handed = -1;
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    LOOP_TIMER(&w->stop, w->loop, stop, w);
    struct ctl_config config = {.loop = w->loop,
                                .verbs = verbs,
                                .nverbs = sizeof(verbs) / sizeof(verbs[0]),
                                .obj = w,
                                .version = "9.9",
                                .limits = limits};
    w->ctl = ctl_new(&config, &e);
    assert_non_null(w->ctl);
    strcpy(w->dir, "/tmp/ctl-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof(w->path), "%s/sock", w->dir);
}

static void close_world(struct world *w)
{
    ctl_free(&w->ctl);
    assert_null(w->ctl);
    assert_int_equal(access(w->path, F_OK), -1); /* the socket file went with it */
    loop_timer_stop(&w->stop);
    loop_free(&w->loop);
    rmdir(w->dir);
    str_fini(&w->in);
    fd_close(&w->handed);
}

static void on_closed(void *obj)
{
    ((struct world *)obj)->nclosed++;
}

/* a client on a socketpair; the greeting is read away */
static int join(struct world *w, enum ctl_role role)
{
    int sv[2];
    char buf[128];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
    assert_non_null(ctl_adopt(w->ctl, sv[0], role, on_closed, w));
    turn(w, 1);
    ssize_t n = read(sv[1], buf, sizeof(buf) - 1);
    assert_true(n > 0);
    buf[n] = '\0';
    char want[64];
    snprintf(want, sizeof(want), "supd 1 version=9.9 pid=%d\n", getpid());
    assert_string_equal(buf, want);
    return sv[1];
}

/* takes the time out of events: it is never the same */
static void drop_times(struct str *s)
{
    char *from, *to;
    while ((from = strstr(str_text(s), "\ttime_ms="))) {
        to = from + 1 + strcspn(from + 1, "\t\n");
        assert_true(to - from > 20);
        memmove(from, to, strlen(to) + 1);
        s->len -= (size_t)(to - from);
    }
}

/* what has come so far; "" for nothing, "<closed>" appended at the end of the connection */
static const char *hear(struct world *w, int fd)
{
    char buf[65536];
    ssize_t n;
    str_clear(&w->in);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        str_put(&w->in, buf, (size_t)n);
    if (n == 0 || errno == ECONNRESET)
        str_puts(&w->in, "<closed>");
    drop_times(&w->in);
    return str_text(&w->in);
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static const char *ask(struct world *w, int fd, const char *text)
{
    say(fd, text);
    turn(w, 2);
    return hear(w, fd);
}

static int dial(struct world *w)
{
    struct err e;
    int fd = usock_connect(w->path, &e);
    assert_true(fd >= 0);
    assert_int_equal(fd_nonblock(fd, true), 0);
    return fd;
}

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

static void publish(struct world *w, const char *name)
{
    struct wire_out *out = ctl_event(w->ctl, "test");
    if (!out)
        return;
    wire_kv(out, "name", name);
    ctl_event_end(w->ctl);
}

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
    open_world(&w, (struct ctl_limits){.stall = DUR_MS(60)});
    int fd = join(&w, CTL_ADMIN), idle = join(&w, CTL_ADMIN);
    assert_string_equal(ask(&w, fd, "a pi"), "");
    turn(&w, 30);
    say(fd, "n"); /* one more byte buys no more time */
    turn(&w, 60);
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
    open_world(&w, (struct ctl_limits){.stall = DUR_MS(200)});
    int fd = join(&w, CTL_ADMIN);
    size_t got = 0;
    say(fd, "a big 5000000\nb ping\n");
    for (int i = 0; i < 500 && got < 5000000 + 32; i++) {
        turn(&w, 1);
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
    open_world(&w, (struct ctl_limits){.clients = 4, .idle = DUR_MS(40)});
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
    turn(&w, 60);
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

static int quiet(void **state)
{
    (void)state;
    log_setup(2, LVL_CRITICAL, false);
    return 0;
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
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_half_request_times_out),
        cmocka_unit_test(test_slow_reader_dropped),
        cmocka_unit_test(test_steady_reader_gets_all),
        cmocka_unit_test(test_unread_output_blocks_requests),
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
