/* Forked helpers: their result, one that is late, and one that a KILL does not end. */
#include "supervisor/run/helper.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct world {
    struct sup sup;
    int ndone, status;
};

static void world_init(struct world *w)
{
    struct err e;
    memset(w, 0, sizeof(*w));
    LIST_INIT(&w->sup.helpers);
    sigemptyset(&w->sup.entry.mask);
    w->sup.loop = loop_new(&e);
    assert_non_null(w->sup.loop);
}

static void world_fini(struct world *w)
{
    helpers_fini(&w->sup);
    loop_free(&w->sup.loop);
}

static void on_done(struct world *w, int status)
{
    w->ndone++;
    w->status = status;
    loop_stop(w->sup.loop);
}

static int seven(struct world *w)
{
    (void)w;
    return 7;
}

static int hangs(struct world *w)
{
    (void)w;
    for (;;)
        pause();
    return 0;
}

static int start(struct world *w, int (*child)(struct world *), dur_t limit)
{
    struct err e;
    int pid =
        helper_run(&w->sup, (helper_child_fn *)child, (helper_done_fn *)on_done, w, limit, &e);
    assert_true(pid > 0);
    return pid;
}

static void reap(struct world *w, int pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(helper_reaped(&w->sup, pid, status));
}

static void test_result(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    reap(&w, start(&w, seven, DUR_S(60)));
    assert_int_equal(w.ndone, 1);
    assert_int_equal(WEXITSTATUS(w.status), 7);
    assert_false(helper_reaped(&w.sup, 1, 0));
    world_fini(&w);
}

struct reaper {
    struct world *w;
    struct loop_timer timer;
    int pid, looks;
};

/* what SIGCHLD does in supd; not for ever */
static void look(struct reaper *r)
{
    int status;
    if (waitpid(r->pid, &status, WNOHANG) == r->pid)
        helper_reaped(&r->w->sup, r->pid, status);
    else if (r->looks++ < 3000)
        loop_timer_at(&r->timer, mono_add(mono_now(), DUR_MS(20)));
    else
        loop_stop(r->w->sup.loop);
}

static void run(struct world *w, int pid)
{
    struct reaper r = {.w = w, .pid = pid};
    LOOP_TIMER(&r.timer, w->sup.loop, look, &r);
    loop_timer_at(&r.timer, mono_now());
    loop_run(w->sup.loop);
    loop_timer_stop(&r.timer);
}

static void test_late(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    run(&w, start(&w, hangs, DUR_MS(50)));
    assert_int_equal(w.ndone, 1);
    assert_int_equal(w.status, HELPER_LATE);
    world_fini(&w);
}

/* Who is traced by another process is not there for its parent until that one has seen its end: the
 * nearest to a process that hangs on a dead disk. */
static int tracer(int pid, int ready)
{
    char c;
    bool seized = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
    if (write(ready, seized ? "y" : "n", 1) != 1)
        return 1;
    return read(ready, &c, 1) == 0 ? 0 : 1;
}

static void test_a_kill_does_not_help(void **state)
{
    struct world w;
    int ends[2];
    char seized = 0;
    (void)state;
    world_init(&w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    int pid = start(&w, hangs, DUR_S(1));
    int other = fork();
    if (other == 0) {
        close(ends[0]);
        _exit(tracer(pid, ends[1]));
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &seized, 1), 1);
    if (seized == 'y') {
        run(&w, pid);
        assert_int_equal(w.ndone, 1);
        assert_int_equal(w.status, HELPER_LATE);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it is still there */
    }
    close(ends[0]);
    assert_int_equal(waitpid(other, NULL, 0), other);
    helpers_end(&w.sup); /* where nobody may trace: it has to go */
    w.ndone = 0;
    reap(&w, pid);
    assert_int_equal(w.ndone, 0); /* its end is no news any more */
    world_fini(&w);
    if (seized != 'y')
        skip();
}

RUN(TEST(test_result), TEST(test_late), TEST(test_a_kill_does_not_help))
