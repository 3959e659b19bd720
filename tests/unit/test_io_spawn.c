/* Starting programs: what the child is given, and what it costs us. */
#include "spawn_run.h"

static struct fate f;

static bool root(void)
{
    if (geteuid() == 0)
        return true;
    skip();
    return false;
}

static int threads_and_children(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 0 : 1;
}

static void a_thousand_start_and_end(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct spawn_cell *cells = new_cells(N);
    struct spawn_request rq = REQUEST("/bin/true");
    int ended = 0;
    for (int i = 0; i < N; i++) {
        assert_int_equal(start(&rq, &cells[i]), SPAWN_STARTED);
        assert_true(cells[i].pid > 0);
        int status;
        while (waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            ended++;
        }
    }
    for (; ended < N; ended++) {
        int status = -1;
        assert_true(waitpid(-1, &status, 0) > 0);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(cells[i].step, SPAWN_OK);
    assert_int_equal(spawn_in_flight(), 0);
    assert_int_equal(threads_and_children(), 0);
    munmap(cells, N * sizeof(*cells));
}

static void no_descriptor_of_ours_is_seen(void **state)
{
    int leaky[100]; /* not even close-on-exec */
    spawn_fini();
    for (int i = 0; i < 100; i++) {
        if (i == 50) /* half of them are lower than the port's own */
            assert_int_equal(spawn_setup(state), 0);
        leaky[i] = dup(2);
    }
    run(REQUEST("/bin/ls", "/proc/self/fd"), &f);
    for (int i = 0; i < 100; i++)
        close(leaky[i]);
    assert_int_equal(f.status, 0);
    assert_string_equal(f.out, "0\n1\n2\n3\n"); /* 3 is the folder itself */
}

static void null_is_dev_null(void **state)
{
    (void)state;
    struct spawn_request rq = REQUEST("/bin/ls", "-l", "/proc/self/fd");
    run(rq, &f);
    assert_non_null(strstr(f.out, "0 -> /dev/null"));
    assert_non_null(strstr(f.out, "2 -> /dev/null"));
    run(REQUEST("/bin/cat"), &f);
    assert_int_equal(f.status, 0);
    assert_string_equal(f.out, "");
}

static void descriptors_are_wired(void **state)
{
    (void)state;
    int in[2], err[2];
    char text[64];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(write(in[1], "hello\n", 6), 6);
    close(in[1]);
    struct spawn_request rq = REQUEST("/bin/sh", "-c", "cat; echo bad >&2");
    rq.fds[0] = in[0];
    rq.fds[2] = err[1];
    run(rq, &f);
    assert_string_equal(f.out, "hello\n");
    drain(err[0], text, 0, sizeof(text));
    assert_string_equal(text, "bad\n");
    rq = REQUEST("/bin/sh", "-c", "echo out; echo err >&2");
    rq.fds[2] = err[1];
    rq.redirect_stderr = true;
    run(rq, &f);
    assert_string_equal(f.out, "out\nerr\n");
    drain(err[0], text, 0, sizeof(text));
    assert_string_equal(text, "");
    close(in[0]);
    close(err[0]);
    close(err[1]);
}

/* The text of one request is overwritten by the next one's before the child has looked at it. */
static void own_text_need_not_stay(void **state)
{
    (void)state;
    enum { N = 200 };
    struct spawn_cell *cells = new_cells(N);
    char text[32], want[32];
    int out[2];
    assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    for (int i = 0; i < N; i++) {
        struct spawn_request rq = REQUEST("/usr/bin/env");
        snprintf(text, sizeof(text), "NAME=web_%03d", i);
        rq.envp = ARGV("FIRST=1", text, "LAST=1");
        rq.text = text;
        rq.text_size = sizeof(text);
        rq.fds[1] = out[1];
        assert_int_equal(start(&rq, &cells[i]), SPAWN_STARTED);
        memset(text, 'x', sizeof(text));
        assert_int_equal(reap_one(cells[i].pid), 0);
        drain(out[0], f.out, 0, sizeof(f.out));
        snprintf(want, sizeof(want), "FIRST=1\nNAME=web_%03d\nLAST=1\n", i);
        assert_string_equal(f.out, want);
    }
    close(out[0]);
    close(out[1]);
    munmap(cells, N * sizeof(*cells));
}

/* Once a child has ended we hold nothing of it: readers see the end. */
static void ends_are_let_go(void **state)
{
    (void)state;
    int out[2];
    char c;
    assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    struct spawn_request rq = REQUEST("/bin/true");
    struct spawn_cell *cell = new_cells(1);
    rq.fds[1] = out[1];
    assert_int_equal(start(&rq, cell), SPAWN_STARTED);
    assert_int_equal(reap_one(cell->pid), 0);
    close(out[1]);
    assert_int_equal(read(out[0], &c, 1), 0);
    close(out[0]);
}

static void environment_and_arguments_are_exact(void **state)
{
    (void)state;
    struct spawn_request rq = REQUEST("/usr/bin/env");
    rq.envp = ARGV("A=1", "EMPTY=", "WITH SPACE=x y");
    run(rq, &f);
    assert_string_equal(f.out, "A=1\nEMPTY=\nWITH SPACE=x y\n");
    rq = REQUEST("argv zero", "a b", "", "c");
    rq.argv = ARGV("argv zero", "-c", "printf '%s|' \"$0\" \"$@\"", "zero", "a b", "", "c");
    rq.candidates = ARGV("/bin/sh");
    run(rq, &f);
    assert_string_equal(f.out, "zero|a b||c|");
}

/* More pointers than a slot has room for, and arrays that are gone right after the call. */
static void big_arrays_are_copied(void **state)
{
    (void)state;
    enum { N = 6000 };
    static char *argv[N + 1], *envp[N + 1], names[N][12];
    const char *const script[] = {"sh", "-c", "echo $# $V5999 ${5996}", NULL};
    int out[2];
    char text[64];
    for (int round = 0; round < 3; round++) {
        assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
        for (int i = 0; i < N; i++) {
            snprintf(names[i], sizeof(names[i]), "V%d=%d", i, i);
            argv[i] = names[i];
            envp[i] = names[i];
        }
        memcpy(argv, script, sizeof(script) - sizeof(script[0]));
        struct spawn_cell *cell = new_cells(1);
        struct spawn_request rq = REQUEST("/bin/sh");
        rq.argv = argv;
        rq.envp = envp;
        rq.fds[1] = out[1];
        assert_int_equal(start(&rq, cell), SPAWN_STARTED);
        memset(argv, 0, sizeof(argv));
        memset(envp, 0, sizeof(envp));
        assert_int_equal(reap_one(cell->pid), 0);
        drain(out[0], text, 0, sizeof(text));
        assert_string_equal(text, "5996 5999 V5999=5999\n");
        close(out[0]);
        close(out[1]);
    }
}

static uint64_t mask_of(const char *name)
{
    const char *at = strstr(f.out, name);
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 16);
}

static void signals_are_as_new(void **state)
{
    (void)state;
    struct spawn_request rq = REQUEST("/bin/cat", "/proc/self/status");
    run(rq, &f);
    assert_int_equal(mask_of("SigBlk:\t"), 0);
    assert_int_equal(mask_of("SigIgn:\t"), 0); /* though we ignore SIGPIPE and SIGXFSZ */
    assert_int_equal(mask_of("SigCgt:\t"), 0);
    rq.ignore = 1ULL << (SIGPIPE - 1) | 1ULL << (SIGHUP - 1);
    run(rq, &f);
    assert_int_equal(mask_of("SigBlk:\t"), 0);
    assert_int_equal(mask_of("SigIgn:\t"), rq.ignore);
}

static void small_settings_arrive(void **state)
{
    (void)state;
    struct rlimit nofile = {.rlim_cur = 300, .rlim_max = 400};
    struct spawn_request rq = REQUEST("/bin/sh", "-c", "umask; pwd; ulimit -Sn; ulimit -Hn");
    rq.umask = 027;
    rq.directory = "/usr/bin";
    rq.nofile = &nofile;
    run(rq, &f);
    assert_string_equal(f.out, "0027\n/usr/bin\n300\n400\n");
}

static void user_and_groups_change(void **state)
{
    (void)state;
    if (!root())
        return;
    static const uint32_t groups[] = {7, 100, 65534};
    struct spawn_request rq =
        REQUEST("/bin/grep", "-E", "^(Uid|Gid|Groups|CapEff):", "/proc/self/status");
    rq.uid = 65534;
    rq.gid = 12345;
    rq.groups = groups;
    rq.ngroups = 3;
    run(rq, &f);
    assert_string_equal(f.out, "Uid:\t65534\t65534\t65534\t65534\n"
                               "Gid:\t12345\t12345\t12345\t12345\n"
                               "Groups:\t7 100 65534 \n"
                               "CapEff:\t0000000000000000\n");
    rq.ngroups = 0;
    run(rq, &f);
    assert_non_null(strstr(f.out, "Groups:\t \n"));
}

/* The kernel marks our memory "not dumpable" while a child of another user shares it; afterwards
 * we are as before. */
static void we_stay_dumpable(void **state)
{
    (void)state;
    if (!root())
        return;
    struct spawn_request rq = REQUEST("/bin/true");
    rq.uid = rq.gid = 65534;
    for (int i = 0; i < 20; i++) {
        run(rq, &f);
        assert_int_equal(f.status, 0);
    }
    assert_int_equal(spawn_in_flight(), 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
}

static void ids_of(int *pid, int *pgrp, int *session)
{
    assert_int_equal(sscanf(f.out, "%d (cat) R %*d %d %d", pid, pgrp, session), 3);
}

static void each_leads_a_group_or_a_session(void **state)
{
    (void)state;
    int pid, pgrp, session;
    struct spawn_request rq = REQUEST("/bin/cat", "/proc/self/stat");
    run(rq, &f);
    ids_of(&pid, &pgrp, &session);
    assert_int_equal(pid, f.cell->pid);
    assert_int_equal(pgrp, pid);
    assert_int_equal(session, getsid(0));
    rq.setsid = true;
    run(rq, &f);
    ids_of(&pid, &pgrp, &session);
    assert_int_equal(pgrp, pid);
    assert_int_equal(session, pid);
}

static void a_group_signal_at_once_does_not_miss(void **state)
{
    (void)state;
    struct spawn_request rq = REQUEST("/bin/sleep", "30");
    struct spawn_cell *cell = new_cells(1);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(start(&rq, cell), SPAWN_STARTED);
        assert_int_equal(kill(-cell->pid, SIGTERM), 0);
        int status = reap_one(cell->pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGTERM);
    }
}

static int compare_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median time that spawn_start takes, in ns. */
static int64_t median_cost(void)
{
    enum { N = 100 };
    int64_t took[N];
    struct spawn_request rq = REQUEST("/bin/true");
    struct spawn_cell *cell = new_cells(1);
    for (int i = 0; i < N; i++) {
        int errnum;
        mono_t begin = mono_now();
        assert_int_equal(spawn_start(&rq, cell, &errnum), SPAWN_STARTED);
        took[i] = mono_sub(mono_now(), begin).ns;
        assert_int_equal(reap_one(cell->pid), 0);
    }
    qsort(took, N, sizeof(took[0]), compare_ns);
    return took[N / 2];
}

enum { PIPES = 400 };

/* A copied table of that many descriptors would cost more than this allows. */
static bool pipes_cost_nothing(void)
{
    static int p[PIPES][2];
    int64_t bare = median_cost();
    int n = 0;
    while (n < PIPES && pipe2(p[n], O_CLOEXEC) == 0)
        n++;
    int64_t full = median_cost();
    while (n > 0) {
        n--;
        close(p[n][0]);
        close(p[n][1]);
    }
    print_message("a start costs %lld us, with %d pipes %lld us\n", (long long)bare / 1000, PIPES,
                  (long long)full / 1000);
    return full < bare * 3 + DUR_MS(1).ns / 20;
}

/* Others that run beside us may spoil a round, but not all of them. */
static void open_pipes_do_not_slow_a_start(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        if (pipes_cost_nothing())
            return;
    fail_msg("it does, ten times out of ten");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_start_and_end),
        cmocka_unit_test(no_descriptor_of_ours_is_seen),
        cmocka_unit_test(null_is_dev_null),
        cmocka_unit_test(descriptors_are_wired),
        cmocka_unit_test(ends_are_let_go),
        cmocka_unit_test(own_text_need_not_stay),
        cmocka_unit_test(environment_and_arguments_are_exact),
        cmocka_unit_test(big_arrays_are_copied),
        cmocka_unit_test(signals_are_as_new),
        cmocka_unit_test(small_settings_arrive),
        cmocka_unit_test(user_and_groups_change),
        cmocka_unit_test(we_stay_dumpable),
        cmocka_unit_test(each_leads_a_group_or_a_session),
        cmocka_unit_test(a_group_signal_at_once_does_not_miss),
        cmocka_unit_test(open_pipes_do_not_slow_a_start),
    };
    return cmocka_run_group_tests(tests, spawn_setup, spawn_teardown);
}
