/* The ways to start a program where something is missing: calls that a filter denies, execs that
 * hang, no /dev/null, next to no descriptors. */
#include "spawn_run.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

enum { NOT_ALLOWED = 77 }; /* this machine or user cannot show it */

static struct fate f;

/* ---- denied system calls ---- */

/* From now on these calls fail with errnum in this process and its children. */
static int deny(int errnum, const int *calls, size_t n)
{
    struct sock_filter code[16] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    size_t at = 1;
    for (size_t i = 0; i < n; i++)
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i],
                                                  (uint8_t)(n - i), 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errnum);
    struct sock_fprog prog = {.len = (unsigned short)at, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* A descriptor at a number of its own, from that number and from others; and the pid in the
 * environment. */
static int places_more(void)
{
    char pid[32] = "OWN=", want[128];
    for (int from = 699; from <= 701; from++) {
        int ends[2];
        EXPECT(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
        struct spawn_request rq = REQUEST(
            "/bin/sh", "-c", "echo $OWN $$; echo >/proc/self/fd/700; exec ls /proc/self/fd");
        EXPECT(dup3(ends[1], from, O_CLOEXEC) == from);
        rq.more_fd = from;
        rq.more_as = 700;
        rq.envp = ARGV(pid);
        rq.text = pid;
        rq.text_size = sizeof(pid);
        rq.pid_at = pid + 4;
        run(rq, &f);
        snprintf(want, sizeof(want), "%d %d\n0\n1\n2\n3\n700\n", f.cell->pid, f.cell->pid);
        EXPECT(f.status == 0 && strcmp(f.out, want) == 0);
        EXPECT(read(ends[0], want, 2) == 1 && want[0] == '\n');
        close(ends[0]);
        close(ends[1]);
        close(from);
    }
    return 0;
}

static int works_as(const char *method)
{
    EXPECT(strcmp(spawn_method(), method) == 0);
    for (int i = 0; i < 40; i++)
        (void)dup(2); /* not close-on-exec */
    EXPECT(places_more() == 0);
    run(REQUEST("/bin/ls", "/proc/self/fd"), &f);
    EXPECT(f.status == 0);
    EXPECT(strcmp(f.out, "0\n1\n2\n3\n") == 0);
    struct spawn_request rq = REQUEST("/bin/cat", "/proc/self/status");
    rq.ignore = 1ULL << (SIGHUP - 1);
    run(rq, &f);
    EXPECT(strstr(f.out, "SigBlk:\t0000000000000000\n"));
    EXPECT(strstr(f.out, "SigIgn:\t0000000000000001\n"));
    EXPECT(strstr(f.out, "SigCgt:\t0000000000000000\n"));
    rq = REQUEST("/bin/true");
    rq.directory = "/nowhere";
    run(rq, &f);
    EXPECT(strcmp(f.why.msg, "cannot chdir to /nowhere: No such file or directory") == 0);
    EXPECT(WEXITSTATUS(f.status) == 127 && f.cell->pid > 0);
    rq = REQUEST("/bin/sh", "-c", "echo out; echo err >&2");
    rq.redirect_stderr = true;
    run(rq, &f);
    EXPECT(strcmp(f.out, "out\nerr\n") == 0);
    return strcmp(spawn_method(), method) != 0;
}

/* Denied before the port starts: it asks and remembers. */
static int denied_early(int errnum, const int *calls, size_t n, const char *method)
{
    struct err e;
    spawn_fini();
    EXPECT(deny(errnum, calls, n) == 0);
    EXPECT(spawn_init(&e) == 0);
    return works_as(method);
}

/* Denied afterwards: the first start finds out. */
static int denied_late(int errnum, const int *calls, size_t n, const char *method)
{
    EXPECT(strcmp(spawn_method(), "clone3") == 0);
    EXPECT(deny(errnum, calls, n) == 0);
    run(REQUEST("/bin/true"), &f);
    EXPECT(f.status == 0);
    return works_as(method);
}

static const int clone3_only[] = {SYS_clone3};
static const int close_range_only[] = {SYS_close_range};

static int clone3_enosys(void)
{
    return denied_early(ENOSYS, clone3_only, 1, "clone");
}

static int clone3_eperm(void)
{
    return denied_early(EPERM, clone3_only, 1, "clone");
}

static int clone3_enosys_late(void)
{
    return denied_late(ENOSYS, clone3_only, 1, "clone");
}

static int clone3_eperm_late(void)
{
    return denied_late(EPERM, clone3_only, 1, "clone");
}

static int close_range_enosys(void)
{
    return denied_early(ENOSYS, close_range_only, 1, "fork");
}

static int close_range_eperm(void)
{
    return denied_early(EPERM, close_range_only, 1, "fork");
}

static void a_denied_clone3_is_a_plain_clone(void **state)
{
    (void)state;
    assert_int_equal(apart(clone3_enosys), 0);
    assert_int_equal(apart(clone3_eperm), 0);
    assert_int_equal(apart(clone3_enosys_late), 0);
    assert_int_equal(apart(clone3_eperm_late), 0);
}

static void a_denied_close_range_is_a_fork(void **state)
{
    (void)state;
    assert_int_equal(apart(close_range_enosys), 0);
    assert_int_equal(apart(close_range_eperm), 0);
}

static volatile sig_atomic_t handled;

static void on_usr1(int sig)
{
    (void)sig;
    handled++;
}

/* A child by plain clone has our handlers: they must be gone before it opens its signals, since it
 * has our memory, too. */
static int no_handler_runs(bool early)
{
    struct sigaction sa = {.sa_handler = on_usr1};
    struct spawn_request rq = REQUEST("/bin/sleep", "30");
    struct spawn_cell *cell = new_cells(1);
    struct err e;
    spawn_fini();
    EXPECT(sigaction(SIGUSR1, &sa, NULL) == 0);
    EXPECT(!early || deny(ENOSYS, clone3_only, 1) == 0);
    EXPECT(spawn_init(&e) == 0);
    EXPECT(early || deny(ENOSYS, clone3_only, 1) == 0);
    for (int i = 0; i < 100; i++) {
        EXPECT(start(&rq, cell) == SPAWN_STARTED);
        EXPECT(kill(cell->pid, SIGUSR1) == 0);
        int status = reap_one(cell->pid);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
        EXPECT(handled == 0);
    }
    return strcmp(spawn_method(), "clone") != 0;
}

static int no_handler_early(void)
{
    return no_handler_runs(true);
}

/* only the first start of a port knows them by itself, so each is a process of its own */
static int no_handler_late(void)
{
    return no_handler_runs(false);
}

static void our_handlers_never_run_in_a_child(void **state)
{
    (void)state;
    assert_int_equal(apart(no_handler_early), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(apart(no_handler_late), 0);
}

/* Denies clone where it shares memory, as a strict filter may: the plain fork is left. */
static int deny_sharing(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_VM, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int sharing_denied(void)
{
    EXPECT(deny_sharing() == 0);
    run(REQUEST("/bin/true"), &f);
    EXPECT(f.status == 0);
    return works_as("fork");
}

static void where_nothing_may_be_shared_it_is_a_fork(void **state)
{
    (void)state;
    assert_int_equal(apart(sharing_denied), 0);
}

/* ---- an exec that hangs ---- */

static struct {
    char path[32];
    int fan;
} dead = {.fan = -1};

/* A copy of a program whose exec waits for an answer that does not come until thaw(). */
static int freeze(void)
{
    snprintf(dead.path, sizeof(dead.path), "/tmp/hang-XXXXXX");
    int to = mkostemp(dead.path, O_CLOEXEC), from = open("/bin/true", O_RDONLY | O_CLOEXEC);
    struct stat st;
    EXPECT(to >= 0 && from >= 0 && fstat(from, &st) == 0);
    EXPECT(sendfile(to, from, NULL, (size_t)st.st_size) == st.st_size);
    EXPECT(fchmod(to, 0755) == 0);
    close(to);
    close(from);
    dead.fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
    EXPECT(dead.fan >= 0);
    EXPECT(fanotify_mark(dead.fan, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, dead.path) == 0);
    return 0;
}

static void thaw(void)
{
    close(dead.fan);
    unlink(dead.path);
}

static bool have_fanotify(void)
{
    int fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
    if (fan >= 0)
        close(fan);
    return fan >= 0;
}

/* Starts n programs that hang, as many as the port lets through. */
static int start_hanging(struct spawn_cell *cells, unsigned n, int64_t uid)
{
    struct spawn_request rq = REQUEST(dead.path);
    rq.uid = uid;
    mono_t end = mono_add(mono_now(), IN_TIME);
    for (unsigned i = 0; i < n;) {
        int errnum;
        enum spawn_result r = spawn_start(&rq, &cells[i], &errnum);
        EXPECT(r == SPAWN_STARTED || r == SPAWN_BUSY);
        EXPECT(!mono_reached(end, mono_now()));
        i += r == SPAWN_STARTED;
        if (r == SPAWN_BUSY)
            spawn_wait(DUR_MS(1));
    }
    return 0;
}

static int reap_all(const struct spawn_cell *cells, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        EXPECT(reap_one(cells[i].pid) == 0);
    EXPECT(spawn_in_flight() == 0);
    return 0;
}

static int others_start_in_time(int n)
{
    struct spawn_request rq = REQUEST("/bin/true");
    struct spawn_cell *cell = new_cells(1);
    mono_t begin = mono_now();
    for (int i = 0; i < n; i++) {
        EXPECT(start(&rq, cell) == SPAWN_STARTED);
        EXPECT(reap_one(cell->pid) == 0);
    }
    EXPECT(mono_sub(mono_now(), begin).ns < IN_TIME.ns);
    return 0;
}

static int some_hang(void)
{
    struct spawn_cell *cells = new_cells(4);
    EXPECT(freeze() == 0);
    EXPECT(start_hanging(cells, 4, -1) == 0);
    EXPECT(others_start_in_time(20) == 0);
    EXPECT(spawn_in_flight() == 4);
    int status;
    EXPECT(waitpid(cells[0].pid, &status, WNOHANG) == 0);
    thaw();
    return reap_all(cells, 4);
}

static void a_hung_exec_stalls_nobody(void **state)
{
    (void)state;
    if (!have_fanotify())
        skip();
    assert_int_equal(apart(some_hang), 0);
}

/* More of them than there are slots: then it is a fork, and still nobody waits. */
static int all_hang(void)
{
    enum { N = 70 };
    struct spawn_cell *cells = new_cells(N);
    EXPECT(freeze() == 0);
    EXPECT(start_hanging(cells, N, -1) == 0);
    EXPECT(others_start_in_time(5) == 0);
    thaw();
    EXPECT(reap_all(cells, N) == 0);
    return others_start_in_time(5);
}

static void when_all_slots_hang_it_is_a_fork(void **state)
{
    (void)state;
    if (!have_fanotify())
        skip();
    assert_int_equal(apart(all_hang), 0);
}

/* the highest of the first 300 descriptors that this process holds */
static int highest_fd(int pid)
{
    char path[64];
    for (int fd = 299; fd >= 0; fd--) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        if (access(path, F_OK) == 0)
            return fd;
    }
    return -1;
}

static int hung_fds(void)
{
    struct spawn_cell *cells = new_cells(1);
    EXPECT(freeze() == 0);
    EXPECT(start_hanging(cells, 1, -1) == 0);
    mono_t end = mono_add(mono_now(), IN_TIME);
    while (highest_fd(cells[0].pid) > 2 && !mono_reached(end, mono_now()))
        pause_ms(1);
    EXPECT(highest_fd(cells[0].pid) == 2);
    thaw();
    return reap_all(cells, 1);
}

static void a_hung_exec_holds_no_descriptor_of_ours(void **state)
{
    (void)state;
    if (!have_fanotify())
        skip();
    assert_int_equal(apart(hung_fds), 0);
}

/* While a child of another user shares our memory, that user must not be able to attach to it. */
static int hung_user(void)
{
    struct spawn_cell *cells = new_cells(1);
    EXPECT(prctl(PR_GET_DUMPABLE) == 1);
    EXPECT(freeze() == 0);
    EXPECT(start_hanging(cells, 1, 65534) == 0);
    EXPECT(others_start_in_time(2) == 0);
    EXPECT(spawn_in_flight() == 1);
    mono_t end = mono_add(mono_now(), IN_TIME); /* it may not have changed its user yet */
    while (prctl(PR_GET_DUMPABLE) == 1 && !mono_reached(end, mono_now()))
        pause_ms(1);
    EXPECT(prctl(PR_GET_DUMPABLE) != 1);
    thaw();
    EXPECT(reap_all(cells, 1) == 0);
    EXPECT(prctl(PR_GET_DUMPABLE) == 1);
    return 0;
}

static void a_hung_user_cannot_attach_to_us(void **state)
{
    (void)state;
    if (!have_fanotify())
        skip();
    assert_int_equal(apart(hung_user), 0);
}

/* ---- bare surroundings ---- */

static int without_dev(void)
{
    struct err e;
    if (unshare(CLONE_NEWNS) < 0)
        return NOT_ALLOWED;
    EXPECT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    EXPECT(mount("none", "/dev", "tmpfs", 0, NULL) == 0);
    spawn_fini();
    EXPECT(spawn_init(&e) == 0);
    run(REQUEST("/bin/cat"), &f); /* stdin is at its end */
    EXPECT(f.status == 0 && !f.out[0]);
    struct spawn_request rq = REQUEST("/bin/sh", "-c", "echo lost >&2; exit 3");
    run(rq, &f); /* and what is written is no signal */
    EXPECT(WIFEXITED(f.status) && WEXITSTATUS(f.status) == 3);
    return 0;
}

static void no_dev_null_is_no_obstacle(void **state)
{
    (void)state;
    int r = apart(without_dev);
    if (r == NOT_ALLOWED)
        skip();
    assert_int_equal(r, 0);
}

static int with_few_descriptors(void)
{
    struct rlimit few = {.rlim_cur = 16, .rlim_max = 16};
    struct err e;
    spawn_fini();
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    EXPECT(setrlimit(RLIMIT_NOFILE, &few) == 0);
    EXPECT(spawn_init(&e) == 0);
    EXPECT(strcmp(spawn_method(), "fork") == 0);
    run(REQUEST("/bin/true"), &f);
    EXPECT(f.status == 0);
    return 0;
}

static void sixteen_descriptors_suffice(void **state)
{
    (void)state;
    assert_int_equal(apart(with_few_descriptors), 0);
}

static int fds_open(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void init_and_fini_leave_nothing(void **state)
{
    (void)state;
    struct err e;
    spawn_fini();
    int before = fds_open();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(spawn_init(&e), 0);
        assert_true(fds_open() > before);
        run(REQUEST("/bin/true"), &f);
        assert_int_equal(f.status, 0);
        spawn_fini();
        assert_int_equal(fds_open(), before);
    }
    assert_int_equal(spawn_init(&e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_denied_clone3_is_a_plain_clone),
        cmocka_unit_test(our_handlers_never_run_in_a_child),
        cmocka_unit_test(a_denied_close_range_is_a_fork),
        cmocka_unit_test(where_nothing_may_be_shared_it_is_a_fork),
        cmocka_unit_test(a_hung_exec_stalls_nobody),
        cmocka_unit_test(when_all_slots_hang_it_is_a_fork),
        cmocka_unit_test(a_hung_exec_holds_no_descriptor_of_ours),
        cmocka_unit_test(a_hung_user_cannot_attach_to_us),
        cmocka_unit_test(no_dev_null_is_no_obstacle),
        cmocka_unit_test(sixteen_descriptors_suffice),
        cmocka_unit_test(init_and_fini_leave_nothing),
    };
    return cmocka_run_group_tests(tests, spawn_setup, spawn_teardown);
}
