/* Short commands: what they get, what they say, and how they end. */
#include "supervisor/io/exec_out.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Stands for libc's: a process that waits for a dead disk does not end when it is killed. */
static bool deaf;
int kill(pid_t pid, int sig)
{
    return deaf ? 0 : (int)syscall(SYS_kill, pid, sig);
}

struct world {
    struct loop *loop;
    struct exec *exec;
    struct exec_result r;
    char output[EXEC_OUTPUT_MAX + 1], error[256];
    unsigned answers;
};

static void on_done(void *obj, const struct exec_result *r)
{
    struct world *w = obj;
    w->r = *r;
    w->answers++;
    memcpy(w->output, r->output, r->output_len + 1);
    snprintf(w->error, sizeof(w->error), "%s", r->error ? r->error : "");
    loop_stop(w->loop);
}

static int setup(void **state)
{
    struct err e;
    struct world *w = calloc(1, sizeof(*w));
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    struct exec_limits limits = {.has_nofile = true, .has_fsize = true};
    limits.nofile = (struct rlimit){77, 77};
    limits.fsize = (struct rlimit){512 * 1024, 512 * 1024};
    w->exec = exec_new(w->loop, &limits);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    exec_free(&w->exec);
    loop_free(&w->loop);
    free(w);
    return 0;
}

static struct exec_request request(struct world *w, char **argv)
{
    loop_refresh(w->loop);
    return (struct exec_request){.argv = argv,
                                 .input = "hello\n",
                                 .input_len = 6,
                                 .deadline = mono_add(loop_now(w->loop), DUR_S(20)),
                                 .done = on_done,
                                 .obj = w};
}

static const struct exec_result *sh(struct world *w, const char *script, int64_t ms)
{
    static char name[] = "sh", flag[] = "-c", text[512];
    snprintf(text, sizeof(text), "%s", script);
    char *argv[] = {name, flag, text, NULL};
    struct exec_request rq = request(w, argv);
    rq.env = "SUPD_TEST=a b\nHOME=/nowhere\n";
    if (ms)
        rq.deadline = mono_add(loop_now(w->loop), DUR_MS(ms));
    unsigned before = w->answers;
    exec_start(w->exec, &rq);
    assert_int_equal(w->answers, before); /* never from inside */
    loop_run(w->loop);
    assert_int_equal(w->answers, before + 1);
    return &w->r;
}

static void a_command_gets_its_input(void **state)
{
    struct world *w = *state;
    const struct exec_result *r = sh(w, "cat; echo \"$SUPD_TEST $HOME\"; echo bad >&2", 0);
    assert_null(r->error);
    assert_int_equal(r->status, 0);
    assert_string_equal(w->output, "hello\na b /nowhere\nbad\n");
    assert_false(r->output_cut);
}

static void status_and_signals(void **state)
{
    struct world *w = *state;
    assert_int_equal(sh(w, "exit 75", 0)->status, 75);
    assert_null(w->r.error);
    assert_int_equal(sh(w, "kill -9 $$", 0)->status, -1);
    assert_string_equal(w->error, "it was ended by signal 9");
}

static void what_cannot_start_is_answered(void **state)
{
    struct world *w = *state;
    static char none[] = "/nowhere/program";
    char *argv[] = {none, NULL};
    struct exec_request rq = request(w, argv);
    exec_start(w->exec, &rq);
    assert_int_equal(w->answers, 0);
    loop_run(w->loop);
    assert_string_equal(w->error, "cannot run /nowhere/program: No such file or directory");
    assert_int_equal(w->r.status, -1);
}

static void signals_and_descriptors_are_not_inherited(void **state)
{
    struct world *w = *state;
    sigset_t set, old;
    int leak = dup(1);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGPIPE, SIG_IGN);
    sh(w,
       "grep SigBlk /proc/self/status; "
       "for i in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$i && echo $i; done; "
       "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo group; grep SigIgn /proc/self/status",
       0);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(leak);
    static const char before[] = "SigBlk:\t0000000000000000\n0\n1\n2\ngroup\nSigIgn:\t";
    assert_memory_equal(w->output, before, sizeof(before) - 1);
    /* 32 and 33 are libc's own, which it leaves as they are */
    assert_int_equal(strtoull(w->output + sizeof(before) - 1, NULL, 16) & 0x7fffffff, 0);
}

static void much_output_is_cut_and_drained(void **state)
{
    struct world *w = *state;
    const struct exec_result *r = sh(w, "head -c 3000000 /dev/zero | tr '\\0' x; exit 3", 0);
    assert_int_equal(r->status, 3);
    assert_int_equal(r->output_len, EXEC_OUTPUT_MAX);
    assert_true(r->output_cut);
}

/* Or a zombie, which somebody above us may never reap. */
static bool is_dead(long pid)
{
    char path[64], stat[512] = "";
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
    ssize_t n = read(fd, stat, sizeof(stat) - 1);
    close(fd);
    const char *after = n > 0 ? strrchr(stat, ')') : NULL;
    return !after || after[2] == 'Z';
}

static bool gone(long pid)
{
    for (int i = 0; i < 500 && !is_dead(pid); i++)
        poll(NULL, 0, 10);
    return is_dead(pid);
}

static void what_takes_too_long_is_ended_with_its_children(void **state)
{
    struct world *w = *state;
    const struct exec_result *r = sh(w, "sleep 1000 & echo $!; wait", 200);
    assert_string_equal(w->error, "it took too long and was ended");
    assert_int_equal(r->status, -1);
    assert_true(gone(strtol(w->output, NULL, 10)));
}

static void who_ignores_term_is_killed(void **state)
{
    struct world *w = *state;
    mono_t start = mono_now();
    sh(w, "trap '' TERM; sleep 1000 & echo $!; while :; do wait; done", 200);
    int64_t took = mono_sub(mono_now(), start).ns;
    assert_string_equal(w->error, "it took too long and was ended");
    assert_true(took >= EXEC_GRACE.ns);
    assert_true(gone(strtol(w->output, NULL, 10)));
}

static void a_child_that_stays_does_not_delay(void **state)
{
    struct world *w = *state;
    mono_t start = mono_now();
    sh(w, "sleep 1000 & echo $!", 0);
    assert_null(w->r.error);
    assert_true(mono_sub(mono_now(), start).ns < DUR_S(10).ns);
    kill((pid_t)strtol(w->output, NULL, 10), SIGKILL);
}

static void a_cancelled_one_says_nothing(void **state)
{
    struct world *w = *state;
    static char name[] = "sh", flag[] = "-c", text[] = "sleep 1000";
    char *argv[] = {name, flag, text, NULL};
    struct exec_request rq = request(w, argv);
    struct exec_run *r = exec_start(w->exec, &rq);
    exec_start(w->exec, &rq); /* killed by exec_free */
    exec_cancel(&r);
    assert_null(r);
    sh(w, "exit 0", 0);
    assert_int_equal(w->answers, 1);
}

static void it_has_the_limits_of_programs(void **state)
{
    struct world *w = *state;
    sh(w, "ulimit -n; ulimit -f", 0);
    assert_string_equal(w->output, "77\n1024\n");
}

/* ---- a disk that does not answer ---- */

static void *let_go(void *fan)
{
    poll(NULL, 0, 4000);
    close(*(int *)fan); /* whoever waits goes on */
    return NULL;
}

static void on_turn(bool *turned)
{
    *turned = true;
}

/* A program whose exec hangs, for four seconds; its path, and the descriptor that it hangs on. */
static int stall(char *path, pthread_t *thread, int *fan)
{
    int in = open("/bin/true", O_RDONLY | O_CLOEXEC), out = mkstemp(path);
    struct stat st;
    assert_return_code(fstat(in, &st), errno);
    assert_int_equal(sendfile(out, in, NULL, (size_t)st.st_size), st.st_size);
    fchmod(out, 0755);
    close(in);
    close(out);
    *fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY);
    if (*fan < 0 || fanotify_mark(*fan, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD, path) < 0)
        return -1;
    return pthread_create(thread, NULL, let_go, fan);
}

static void an_exec_that_hangs_holds_nobody_up(void **state)
{
    struct world *w = *state;
    char path[] = "/tmp/exec-test-XXXXXX", *argv[] = {path, NULL};
    pthread_t thread;
    int fan;
    if (stall(path, &thread, &fan) < 0) {
        unlink(path);
        skip(); /* not root, or a kernel without it */
    }
    struct exec_request rq = request(w, argv);
    mono_t began = mono_now();
    rq.deadline = mono_add(loop_now(w->loop), DUR_MS(600));
    bool turned = false;
    struct loop_timer t;
    LOOP_TIMER(&t, w->loop, on_turn, &turned);
    loop_timer_at(&t, mono_add(loop_now(w->loop), DUR_MS(20)));
    exec_start(w->exec, &rq);
    assert_true(mono_sub(mono_now(), began).ns < 500000000);
    loop_run(w->loop);
    assert_true(turned);
    assert_string_equal(w->error, "it took too long and was ended");
    assert_true(mono_sub(mono_now(), began).ns < 3000000000);
    pthread_join(thread, NULL);
    unlink(path);
}

/* Answered all the same; what does not end is reaped when it does, and too many are none. */
static void who_cannot_be_killed_is_given_up(void **state)
{
    struct world *w = *state;
    deaf = true;
    mono_t began = mono_now();
    for (int i = 0; i < EXEC_LOST_MAX; i++) {
        static char name[] = "sh", flag[] = "-c", text[] = "sleep 6";
        char *argv[] = {name, flag, text, NULL};
        struct exec_request rq = request(w, argv);
        rq.deadline = mono_add(loop_now(w->loop), DUR_MS(100));
        exec_start(w->exec, &rq);
    }
    while (w->answers < EXEC_LOST_MAX)
        loop_run(w->loop);
    assert_non_null(strstr(w->error, "does not end, though it was killed"));
    assert_true(mono_sub(mono_now(), began).ns < 5900000000);
    sh(w, "exit 0", 0);
    assert_string_equal(w->error, "cannot run sh: 8 commands were killed and do not end");
    deaf = false;
    struct loop_timer t;
    LOOP_TIMER(&t, w->loop, loop_stop, w->loop);
    while (w->r.error && mono_sub(mono_now(), began).ns < 20000000000) {
        loop_refresh(w->loop);
        loop_timer_at(&t, mono_add(loop_now(w->loop), DUR_MS(100)));
        loop_run(w->loop);
        sh(w, "exit 0", 0);
    }
    assert_null(w->r.error);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_command_gets_its_input),           T(status_and_signals),
        T(what_cannot_start_is_answered),      T(signals_and_descriptors_are_not_inherited),
        T(much_output_is_cut_and_drained),     T(what_takes_too_long_is_ended_with_its_children),
        T(who_ignores_term_is_killed),         T(a_child_that_stays_does_not_delay),
        T(a_cancelled_one_says_nothing),       T(it_has_the_limits_of_programs),
        T(an_exec_that_hangs_holds_nobody_up), T(who_cannot_be_killed_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
