/* Reaping: every exit once, peeked before it is reaped, in bounded helpings. */
#include "supervisor/io/reap.h"

#include "supervisor/base/mono.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { MAX = 64 };

static struct {
    int peeked[MAX], reaped[MAX], status[MAX];
    int npeeked, nreaped;
} seen;

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    return 0;
}

static void on_peeked(void *obj, int pid, int status)
{
    siginfo_t si = {.si_pid = 0};
    assert_ptr_equal(obj, &seen);
    /* still there to be waited for */
    assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(si.si_pid, pid);
    seen.peeked[seen.npeeked] = pid;
    seen.status[seen.npeeked++] = status;
}

static void on_reaped(void *obj, int pid, int status)
{
    assert_ptr_equal(obj, &seen);
    assert_int_equal(seen.npeeked, seen.nreaped + 1);
    assert_int_equal(seen.peeked[seen.nreaped], pid);
    assert_int_equal(seen.status[seen.nreaped], status);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    seen.reaped[seen.nreaped++] = pid;
}

static const struct reap_ops ops = {.peeked = on_peeked, .reaped = on_reaped};

/* Polls until n were reaped, at most 10 s. */
static void reap_until(int n)
{
    mono_t end = mono_add(mono_now(), DUR_S(10));
    while (seen.nreaped < n && !mono_reached(end, mono_now()))
        reap_children(&ops, &seen, 8);
    assert_int_equal(seen.nreaped, n);
}

/* Waits until the child is a zombie, without reaping it. */
static void await_zombie(int pid)
{
    siginfo_t si;
    assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
}

static int child_exits(int code)
{
    int pid = fork();
    if (pid == 0)
        _exit(code);
    return pid;
}

static void coalesced_exits_are_all_seen(void **state)
{
    (void)state;
    enum { N = 40 };
    int pids[N];
    sigset_t chld, pending;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    for (int i = 0; i < N; i++)
        pids[i] = child_exits(i);
    for (int i = 0; i < N; i++)
        await_zombie(pids[i]);
    sigpending(&pending); /* one signal stands for all of them */
    assert_true(sigismember(&pending, SIGCHLD));
    assert_true(reap_children(&ops, &seen, 30));
    assert_int_equal(seen.nreaped, 30);
    assert_false(reap_children(&ops, &seen, 30));
    assert_int_equal(seen.nreaped, N);
    for (int i = 0; i < N; i++) {
        int at = 0;
        while (at < N && seen.reaped[at] != pids[i])
            at++;
        assert_true(at < N);
        assert_true(WIFEXITED(seen.status[at]));
        assert_int_equal(WEXITSTATUS(seen.status[at]), i);
    }
    assert_false(reap_children(&ops, &seen, 30));
    sigprocmask(SIG_UNBLOCK, &chld, NULL);
}

static int child_dies_of(int sig, rlim_t core)
{
    int pid = fork();
    if (pid == 0) {
        struct rlimit lim = {.rlim_cur = core, .rlim_max = core};
        struct sigaction sa = {.sa_handler = SIG_DFL};
        setrlimit(RLIMIT_CORE, &lim);
        sigaction(sig, &sa, NULL);
        kill(getpid(), sig);
        _exit(99);
    }
    return pid;
}

static void a_status_says_what_waitpid_would(void **state)
{
    (void)state;
    static const int sigs[] = {SIGTERM, SIGKILL, SIGABRT, SIGHUP};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        child_dies_of(sigs[i], 0);
        reap_until((int)i + 1);
        assert_true(WIFSIGNALED(seen.status[i]));
        assert_int_equal(WTERMSIG(seen.status[i]), sigs[i]);
        assert_false(WCOREDUMP(seen.status[i]));
    }
    child_exits(255);
    reap_until(5);
    assert_int_equal(WEXITSTATUS(seen.status[4]), 255);
}

static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    while (d && (entry = readdir(d)))
        unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    rmdir(path);
}

/* The peeked flag must be the one that the kernel's own wait status carries. */
static void the_core_flag_is_kept(void **state)
{
    (void)state;
    char home[256], dir[] = "/tmp/reap-XXXXXX"; /* where the core may go */
    int status = 0;
    assert_non_null(getcwd(home, sizeof(home)));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    int pid = child_dies_of(SIGQUIT, RLIM_INFINITY);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    child_dies_of(SIGQUIT, RLIM_INFINITY);
    reap_until(1);
    assert_int_equal(chdir(home), 0);
    remove_folder(dir);
    assert_int_equal(seen.status[0], status);
}

static void stops_are_not_exits(void **state)
{
    (void)state;
    int pid = fork();
    if (pid == 0) {
        for (;;)
            pause();
    }
    siginfo_t si;
    kill(pid, SIGSTOP);
    assert_int_equal(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT), 0);
    assert_false(reap_children(&ops, &seen, 8));
    for (int i = 0; i < 2; i++) { /* asking takes nothing away */
        assert_true(reap_any_stopped());
        assert_int_equal(reap_stopped(pid), SIGSTOP);
    }
    kill(pid, SIGCONT);
    assert_int_equal(waitid(P_PID, (id_t)pid, &si, WCONTINUED | WNOWAIT), 0);
    assert_int_equal(reap_stopped(pid), 0);
    assert_false(reap_any_stopped());
    assert_int_equal(reap_stopped(getpid()), 0);
    assert_false(reap_children(&ops, &seen, 8));
    assert_int_equal(seen.npeeked, 0);
    kill(pid, SIGKILL);
    reap_until(1);
    assert_int_equal(seen.reaped[0], pid);
}

static void orphans_are_reaped_too(void **state)
{
    (void)state;
    int p[2], orphan = 0;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(p), 0);
    int pid = fork();
    if (pid == 0) {
        int grandchild = child_exits(7);
        _exit(write(p[1], &grandchild, sizeof(grandchild)) != sizeof(grandchild));
    }
    assert_int_equal(read(p[0], &orphan, sizeof(orphan)), sizeof(orphan));
    reap_until(2);
    bool found = false;
    for (int i = 0; i < 2; i++)
        found = found || (seen.reaped[i] == orphan && WEXITSTATUS(seen.status[i]) == 7);
    assert_true(found);
    close(p[0]);
    close(p[1]);
}

/* The one that is asked for, and nobody else; who lives or is no child is left alone. */
static void one_is_taken_by_name(void **state)
{
    (void)state;
    int first = child_exits(1), second = child_exits(2), alive = fork();
    if (alive == 0)
        for (;;)
            pause();
    await_zombie(first);
    await_zombie(second);
    assert_true(reap_child(&ops, &seen, second));
    assert_int_equal(seen.nreaped, 1);
    assert_int_equal(seen.reaped[0], second);
    assert_int_equal(WEXITSTATUS(seen.status[0]), 2);
    assert_false(reap_child(&ops, &seen, second));
    assert_false(reap_child(&ops, &seen, alive));
    assert_false(reap_child(&ops, &seen, getpid()));
    assert_int_equal(seen.npeeked, 1);
    kill(alive, SIGKILL);
    reap_until(3);
    assert_int_equal(seen.reaped[1], first);
    assert_int_equal(seen.reaped[2], alive);
}

static void no_children_is_no_work(void **state)
{
    (void)state;
    assert_false(reap_children(&ops, &seen, 8));
    assert_false(reap_any_stopped());
    assert_int_equal(seen.npeeked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(coalesced_exits_are_all_seen, setup),
        cmocka_unit_test_setup(a_status_says_what_waitpid_would, setup),
        cmocka_unit_test_setup(the_core_flag_is_kept, setup),
        cmocka_unit_test_setup(stops_are_not_exits, setup),
        cmocka_unit_test_setup(orphans_are_reaped_too, setup),
        cmocka_unit_test_setup(one_is_taken_by_name, setup),
        cmocka_unit_test_setup(no_children_is_no_work, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
