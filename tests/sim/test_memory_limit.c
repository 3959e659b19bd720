/* memory_max where the kernel keeps it, in a tree of plain files: a limit whose write takes long is
 * lowered by a helper. A lease on the file stands in for the kernel that takes memory back: who
 * opens it to write waits until it is given up. */
#include "tests/fake/play.h"

#include "supervisor/base/fd.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/memory.h"
#include "supervisor/run/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OLD "800000000"

static char tree[40];

static void file_path(char *out, size_t size, const char *program, const char *file)
{
    snprintf(out, size, "%s/p%u/%s", tree, play_proc(program)->slot, file);
}

static void put_file(const char *program, const char *file, const char *text)
{
    char path[100];
    file_path(path, sizeof(path), program, file);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    close(fd);
}

/* A write of supd's leaves the end of a longer text there: the number is what counts. */
static uint64_t limit_of(const char *program)
{
    char path[100], text[40] = "";
    file_path(path, sizeof(path), program, "memory.max");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    return strtoull(text, NULL, 10);
}

static void in_its_group(const char *program)
{
    char path[100];
    file_path(path, sizeof(path), program, "");
    assert_int_equal(mkdir(path, 0700), 0);
    put_file(program, "memory.max", OLD);
    put_file(program, "memory.current", "400000000");
    put_file(program, "memory.oom.group", "1");
    play_proc(program)->in_cgroup = true;
}

static void open_tree(struct sup *s)
{
    strcpy(tree, "/tmp/supd-limit-XXXXXX");
    assert_non_null(mkdtemp(tree));
    in_its_group("a");
    in_its_group("b");
    s->cgroups =
        (struct cgroups){.base = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC), .memory = true};
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void close_tree(struct sup *s)
{
    close(s->cgroups.base);
    s->cgroups = (struct cgroups){0};
    assert_int_equal(nftw(tree, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Whoever writes it waits until let_go. */
static int hold(const char *program)
{
    char path[100];
    file_path(path, sizeof(path), program, "memory.max");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    signal(SIGIO, SIG_IGN); /* that somebody waits */
    assert_int_equal(fcntl(fd, F_SETLEASE, F_RDLCK), 0);
    return fd;
}

/* The helper has a copy of the descriptor, so that its end here would not be enough. */
static void let_go(int fd)
{
    assert_int_equal(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
    close(fd);
}

static void nothing(void *obj)
{
    (void)obj;
}

static void update(struct sup *s, uint64_t a, uint64_t b)
{
    struct err e = {0};
    play.conf.procs[0].memory_max = a;
    play.conf.procs[1].memory_max = b;
    play.conf.procs[0].rec.hot_digest = (uint32_t)a;
    play.conf.procs[1].rec.hot_digest = (uint32_t)b;
    live_gen_unref(&s->pending);
    s->pending = stage_gen(s, &play.conf);
    if (reload_apply(s, NULL, 0, NULL, nothing, s, &e) < 0)
        fail_msg("%s", e.msg);
}

/* Until the helper ends, which is our only child. */
static void helper_ends(struct sup *s)
{
    int status, pid = waitpid(-1, &status, 0);
    assert_true(pid > 0 && helper_is(s, pid) && helper_reaped(s, pid, status));
}

static bool has_child(void)
{
    siginfo_t si = {0};
    return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void lower(struct sup *s)
{
    open_tree(s);
    int lease = hold("a");
    alarm(30); /* a supd that waits itself waits for ever */
    update(s, 300000000, 800000000);
    assert_true(has_child());
    update(s, 350000000, 900000000); /* another one while the helper waits; one that need not */
    assert_int_equal(limit_of("a"), 800000000);
    assert_int_equal(limit_of("b"), 900000000);
    let_go(lease);
    helper_ends(s); /* it wrote the limit of when it began */
    helper_ends(s);
    assert_int_equal(limit_of("a"), 350000000);
    assert_false(has_child() || s->memory.lowering);
    alarm(0);
    close_tree(s);
    play_term(s);
}

static void a_helper_lowers_it(void **state)
{
    (void)state;
    play_begin();
    play_add("a", 1, "a");
    play_add("b", 2, "b");
    play_open();
    CUE(2000, lower, &play.s);
    play_expect("0 start a\n0 start b\n2000 SIGTERM b\n2020 death b\n2020 SIGTERM a\n"
                "2040 death a\n",
                0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_helper_lowers_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
