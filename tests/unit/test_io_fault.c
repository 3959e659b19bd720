/* Every system call that a start, a loop or a socket makes fails once: nothing is lost, nothing
 * leaks, the error is told, and the next try works. */
#include "fault.h"
#include "spawn_run.h"

#include "supervisor/base/log.h"
#include "supervisor/io/loop.h"
#include "supervisor/io/usock.h"

#include <sys/epoll.h>

static const struct fault_call calls[] = {
    {SYS_clone3, EAGAIN, "clone3"},
    {SYS_clone, EAGAIN, "clone"},
    {SYS_close_range, ENOMEM, "close_range"},
    {SYS_dup3, EMFILE, "dup3"},
    {SYS_fcntl, EMFILE, "fcntl"},
    {SYS_openat, EMFILE, "openat"},
    {SYS_pipe2, EMFILE, "pipe2"},
    {SYS_mmap, ENOMEM, "mmap"},
    {SYS_mprotect, ENOMEM, "mprotect"},
    {SYS_setpgid, EACCES, "setpgid"},
    {SYS_rt_sigaction, EINVAL, "rt_sigaction"},
    {SYS_setresuid, EAGAIN, "setresuid"},
    {SYS_chdir, ENOENT, "chdir"},
    {SYS_execve, ENOMEM, "execve"},
};
static const struct fault_call io_calls[] = {
    {SYS_epoll_create1, EMFILE, "epoll_create1"},
    {SYS_epoll_ctl, ENOMEM, "epoll_ctl"},
    {SYS_timerfd_create, EMFILE, "timerfd_create"},
    {SYS_timerfd_settime, EINVAL, "timerfd_settime"},
    {SYS_signalfd4, EMFILE, "signalfd4"},
    {SYS_socket, EMFILE, "socket"},
    {SYS_bind, EACCES, "bind"},
    {SYS_listen, EADDRINUSE, "listen"},
    {SYS_connect, EAGAIN, "connect"},
    {SYS_accept4, EMFILE, "accept4"},
    {SYS_fchownat, EPERM, "fchownat"},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
enum { WALK_MAX = 800 };

static int fds_open(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++) {
        struct pollfd p = {.fd = fd};
        n += poll(&p, 1, 0) == 0 || !(p.revents & POLLNVAL);
    }
    return n;
}

static struct spawn_cell *cell;

/* Starts once. 0: it ran, or what failed was told; else where it went wrong. */
static int start_once(void)
{
    struct spawn_request rq = REQUEST("/bin/true");
    int errnum = 0;
    struct err why = {0};
    rq.directory = "/";
    rq.uid = geteuid();
    enum spawn_result r = start(&rq, cell);
    errnum = errno;
    EXPECT(r != SPAWN_BUSY);
    if (r != SPAWN_STARTED) {
        EXPECT(errnum != 0 && cell->pid == 0);
        return waitpid(-1, NULL, WNOHANG) != -1;
    }
    EXPECT(cell->pid > 0);
    int status = reap_one(cell->pid);
    if (status == 0)
        return cell->step;
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 127);
    EXPECT(cell->step != SPAWN_OK && cell->errnum != 0);
    spawn_explain(&rq, cell, &why);
    EXPECT(why.errnum != 0 && strlen(why.msg) > 10);
    return 0;
}

static int starts(void)
{
    struct err e = {0};
    struct rlimit few = {.rlim_cur = 128, .rlim_max = 128}; /* five slots: a short walk */
    EXPECT(setrlimit(RLIMIT_NOFILE, &few) == 0);
    int before = fds_open();
    if (spawn_init(&e) < 0) {
        EXPECT(e.msg[0] && e.errnum);
        EXPECT(fds_open() == before);
        EXPECT(spawn_init(&e) == 0);
    }
    for (int i = 0; i < 2; i++)
        EXPECT(start_once() == 0);
    EXPECT(spawn_in_flight() == 0);
    EXPECT(waitpid(-1, NULL, WNOHANG) == -1);
    spawn_fini();
    EXPECT(fds_open() == before);
    /* by now the fault is spent, or it never came */
    EXPECT(spawn_init(&e) == 0);
    EXPECT(start_once() == 0);
    spawn_fini();
    return 0;
}

static void walk(const struct fault_call *set, size_t n, int (*fn)(void), unsigned least)
{
    struct fault_run r = {.status = 0};
    unsigned nth = 1;
    for (; nth < WALK_MAX; nth++) {
        if (!fault_run(set, n, nth, fn, &r))
            skip();
        if (r.status != 0)
            fail_msg("call %u (%s) failed: status %x", nth, r.name ? r.name : "none",
                     (unsigned)r.status);
        if (!r.name)
            break;
    }
    print_message("%u calls, each failed once\n", nth - 1);
    assert_in_range(nth, least, WALK_MAX - 1);
}

static void a_start_survives_each_failure(void **state)
{
    (void)state;
    cell = new_cells(1);
    walk(calls, COUNT(calls), starts, 50);
}

static char sock[64];

static int socket_once(struct err *e)
{
    struct usock_peer peer;
    int fd = usock_listen(sock, (int64_t)getegid(), e), c = -1, s = -1;
    if (fd < 0)
        return -1;
    c = usock_connect(sock, e);
    if (c >= 0)
        s = usock_accept(fd, &peer);
    if (c >= 0 && s < 0)
        err_errno(e, errno, "cannot accept");
    fd_close(&fd);
    fd_close(&c);
    bool ok = s >= 0;
    fd_close(&s);
    return ok ? 0 : -1;
}

static void on_signal(void *obj, const struct sigs_info *info)
{
    struct loop *l = obj;
    if (info->signo == SIGUSR1)
        loop_stop(l);
}

static void too_late(struct loop *l)
{
    (void)l;
    fprintf(stderr, "the signal did not come\n");
    _exit(1);
}

/* A signal comes through, if need be at the second try. */
static int loop_once(struct err *e)
{
    struct loop *l = loop_new(e);
    struct loop_timer t;
    if (!l)
        return -1;
    int r = sigs_open(l, on_signal, l, e);
    if (r == 0) {
        LOOP_TIMER(&t, l, too_late, l);
        loop_timer_at(&t, mono_add(mono_now(), DUR_S(2)));
        kill(getpid(), SIGUSR1);
        loop_run(l);
        loop_timer_stop(&t);
    }
    sigs_close();
    loop_free(&l);
    return r;
}

/* Twice: since only one call fails, one of the two works. */
static int twice(int (*once)(struct err *e))
{
    struct err e = {0};
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        e = (struct err){.errnum = 0};
        if (once(&e) == 0)
            continue;
        EXPECT(strlen(e.msg) > 10);
        failed++;
    }
    EXPECT(failed < 2);
    return 0;
}

static int ports(void)
{
    int before = fds_open();
    EXPECT(twice(loop_once) == 0);
    EXPECT(fds_open() <= before + 1); /* libev forgets a timerfd that epoll refused */
    before = fds_open();
    EXPECT(twice(socket_once) == 0);
    unlink(sock);
    return fds_open() != before;
}

static void loops_and_sockets_survive_each_failure(void **state)
{
    (void)state;
    snprintf(sock, sizeof(sock), "/tmp/fault-%d.sock", getpid());
    struct sigs_entry entry;
    sigs_block(&entry);
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_setup(quiet, LVL_CRITICAL, false);
    walk(io_calls, COUNT(io_calls), ports, 10);
    log_setup(2, LVL_INFO, false);
    close(quiet);
    unlink(sock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_survives_each_failure),
        cmocka_unit_test(loops_and_sockets_survive_each_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
