/* Signals: blocked, received in order with who sent them, and given back as they were. */
#include "supervisor/io/sigs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { MAX = 64 };

static struct {
    struct loop *l;
    struct sigs_info got[MAX];
    int n, want;
    bool close_at_first;
} world;

static void on_signal(void *obj, const struct sigs_info *info)
{
    assert_ptr_equal(obj, &world);
    assert_true(world.n < MAX);
    world.got[world.n++] = *info;
    if (world.close_at_first)
        sigs_close();
    if (world.n == world.want)
        loop_stop(world.l);
}

static void stop(struct loop *l)
{
    loop_stop(l);
}

static void run_for(int want, int ms)
{
    struct loop_timer guard;
    world.want = want;
    LOOP_TIMER(&guard, world.l, stop, world.l);
    loop_timer_at(&guard, mono_add(mono_now(), DUR_MS(ms)));
    loop_run(world.l);
    loop_timer_stop(&guard);
}

static int setup(void **state)
{
    (void)state;
    struct err e;
    memset(&world, 0, sizeof(world));
    world.l = loop_new(&e);
    return world.l && sigs_open(world.l, on_signal, &world, &e) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    sigs_close();
    loop_free(&world.l);
    return 0;
}

static void deaths_come_first_and_once(void **state)
{
    (void)state;
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    for (int i = 0; i < 3; i++) {
        int pid = fork();
        if (pid == 0)
            _exit(0);
        siginfo_t si;
        waitid(P_PID, (id_t)pid, &si, WEXITED);
    }
    run_for(3, 2000);
    assert_int_equal(world.n, 3);
    assert_int_equal(world.got[0].signo, SIGCHLD);
    assert_int_equal(world.got[1].signo, SIGHUP);
    assert_int_equal(world.got[2].signo, SIGTERM);
    run_for(MAX, 10);
    assert_int_equal(world.n, 3);
}

static void queued_ones_keep_order_value_and_sender(void **state)
{
    (void)state;
    enum { N = 40 }; /* more than one read */
    for (int i = 0; i < N; i++)
        assert_int_equal(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i}), 0);
    run_for(N, 2000);
    assert_int_equal(world.n, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(world.got[i].signo, SIGRTMIN + 2);
        assert_int_equal(world.got[i].value, i);
        assert_int_equal(world.got[i].pid, getpid());
        assert_int_equal(world.got[i].uid, getuid());
        assert_int_equal(world.got[i].code, SI_QUEUE);
    }
}

static void closing_in_a_callback_ends_the_batch(void **state)
{
    (void)state;
    world.close_at_first = true;
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    run_for(2, 30);
    assert_int_equal(world.n, 1);
}

struct rival {
    struct loop_io io;
    int fd, far_end, after;
};

static void rival_ready(struct rival *r)
{
    r->after = world.n;
    loop_io_close(&r->io, &r->fd);
}

static void rival_init(struct rival *r)
{
    int p[2];
    assert_int_equal(pipe(p), 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    r->fd = p[0];
    r->far_end = p[1];
    r->after = -1;
    LOOP_IO(&r->io, world.l, rival_ready, r);
    assert_int_equal(loop_io_set(&r->io, r->fd, LOOP_READ), 0);
}

/* Pipes that were ready and watched before the signalfd, or after it, still come later. */
static void signals_come_before_other_events(void **state)
{
    (void)state;
    struct rival before, behind;
    struct err e;
    sigs_close();
    rival_init(&before);
    assert_int_equal(sigs_open(world.l, on_signal, &world, &e), 0);
    rival_init(&behind);
    kill(getpid(), SIGUSR1);
    run_for(1, 2000);
    assert_int_equal(before.after, 1);
    assert_int_equal(behind.after, 1);
    close(before.far_end);
    close(behind.far_end);
}

static bool is_ignored(int sig)
{
    struct sigaction sa;
    return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

static int entry_child(void)
{
    struct sigs_entry entry;
    struct sigaction ign = {.sa_handler = SIG_IGN};
    sigset_t some, now;
    sigaction(SIGCHLD, &ign, NULL);
    sigaction(SIGHUP, &ign, NULL);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigprocmask(SIG_SETMASK, &some, NULL);
    sigs_block(&entry);
    bool ok = entry.ignored == (1ULL << (SIGCHLD - 1) | 1ULL << (SIGHUP - 1));
    ok = ok && sigismember(&entry.mask, SIGUSR2) && !sigismember(&entry.mask, SIGTERM);
    ok = ok && !is_ignored(SIGCHLD) && is_ignored(SIGPIPE) && is_ignored(SIGXFSZ);
    sigprocmask(SIG_SETMASK, NULL, &now);
    for (int sig = 1; sig < 32; sig++) {
        bool open = sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE ||
                    sig == SIGABRT || sig == SIGTRAP || sig == SIGSYS || sig == SIGKILL ||
                    sig == SIGSTOP;
        ok = ok && sigismember(&now, sig) == !open;
    }
    ok = ok && sigismember(&now, SIGRTMIN) && sigismember(&now, SIGRTMAX);
    sigs_restore(&entry);
    sigprocmask(SIG_SETMASK, NULL, &now);
    ok = ok && sigismember(&now, SIGUSR2) && !sigismember(&now, SIGTERM);
    ok = ok && is_ignored(SIGCHLD) && !is_ignored(SIGPIPE) && !is_ignored(SIGXFSZ);
    return ok ? 0 : 1;
}

static void the_entry_state_is_saved_and_restored(void **state)
{
    (void)state;
    int status = -1, pid = fork();
    if (pid == 0) {
        struct sigaction dfl = {.sa_handler = SIG_DFL};
        for (int sig = 1; sig <= SIGRTMAX; sig++)
            sigaction(sig, &dfl, NULL);
        _exit(entry_child());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deaths_come_first_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(queued_ones_keep_order_value_and_sender, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_in_a_callback_ends_the_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(signals_come_before_other_events, setup, teardown),
        cmocka_unit_test(the_entry_state_is_saved_and_restored),
    };
    struct sigs_entry entry;
    sigs_block(&entry);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
