/* Control groups of our own, in a real hierarchy; skipped where the machine lets us make none. */
#include "supervisor/io/cgroup.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[512], home[600]; /* where the hierarchy is mounted; the group of this test in it */

static bool find_root(void)
{
    char line[2048];
    FILE *f = fopen("/proc/self/mountinfo", "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof(line), f))
        found = strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s / %511s", root) == 1;
    if (f)
        fclose(f);
    return found;
}

/* Puts a process into a group; 0 is the caller. */
static bool put(const char *group, int pid)
{
    char path[1200], text[16];
    snprintf(path, sizeof(path), "%s/cgroup.procs", group);
    int n = snprintf(text, sizeof(text), "%d", pid), fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        close(fd);
    return done;
}

static int enter(void **state)
{
    (void)state;
    home[0] = '\0';
    if (!find_root())
        return 0;
    snprintf(home, sizeof(home), "%s/supd-unit-%d", root, getpid());
    if (mkdir(home, 0755) == 0 && put(home, 0))
        return 0;
    rmdir(home);
    home[0] = '\0';
    return 0;
}

static int leave(void **state)
{
    (void)state;
    if (home[0] && put(root, 0))
        rmdir(home);
    return 0;
}

static void open_or_skip(struct cgroups *c)
{
    *c = (struct cgroups){0};
    if (home[0])
        cgroups_open(c, "test", false);
    if (!c->base)
        skip();
}

static bool becomes_empty(const struct cgroups *c, uint32_t number)
{
    for (int i = 0; i < 500 && cgroup_populated(c, number) != 0; i++)
        poll(NULL, 0, 10);
    return cgroup_populated(c, number) == 0;
}

/* A child in the group, which ignores what can be ignored, and its child. */
static int start_in(const struct cgroups *c, uint32_t number)
{
    char path[900];
    snprintf(path, sizeof(path), "%s/%s/p%u", home, c->name, number);
    int pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_IGN);
        bool in = put(path, 0);
        fork();
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of this test */
        while (in)
            pause();
        CHILD_EXIT(1);
    }
    return pid;
}

static void killed_as_a_whole(void **state)
{
    (void)state;
    struct cgroups c;
    char text[256];
    open_or_skip(&c);
    int fd = cgroup_enter(&c, 3), again = cgroup_enter(&c, 3), status;
    assert_true(fd > 0 && again > 0);
    assert_int_equal(cgroup_populated(&c, 3), 0);
    int pid = start_in(&c, 3);
    for (int i = 0; i < 500 && cgroup_populated(&c, 3) != 1; i++)
        poll(NULL, 0, 10);
    assert_int_equal(cgroup_populated(&c, 3), 1);
    assert_true(cgroup_pids(&c, 3, text, sizeof(text)) > 0 && strtol(text, NULL, 10) == pid);
    assert_true(cgroup_kill(&c, 3));
    assert_true(becomes_empty(&c, 3));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(fd);
    close(again);
    cgroup_remove(&c, 3);
    assert_int_equal(cgroup_populated(&c, 3), -1);
    assert_false(cgroup_kill(&c, 3));
    cgroups_close(&c);
    assert_int_equal(c.base, 0);
}

static void one_of_that_name_is_another_supds(void **state)
{
    (void)state;
    struct cgroups c, other;
    open_or_skip(&c);
    cgroups_open(&other, "test", false);
    assert_int_equal(other.base, 0);
    cgroups_open(&other, "test", true); /* unless we go on for it */
    assert_true(other.base > 0);
    close(other.base);
    close(other.above);
    cgroups_close(&c);
}

static void without_any_nothing_works(void **state)
{
    (void)state;
    struct cgroups c = {0};
    char text[8];
    assert_int_equal(cgroup_enter(&c, 1), 0);
    assert_int_equal(cgroup_populated(&c, 1), -1);
    assert_int_equal(cgroup_pids(&c, 1, text, sizeof(text)), -1);
    assert_false(cgroup_kill(&c, 1));
    cgroup_remove(&c, 1);
    cgroups_close(&c);
}

/* ---- limits of memory, in a tree of plain files ---- */

static char fake[] = "/tmp/supd-cgroup-XXXXXX";

static void put_file(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", fake, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char *get_file(const char *name)
{
    static char text[100];
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", fake, name);
    FILE *f = fopen(path, "re");
    size_t got = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[got] = '\0';
    if (f)
        fclose(f);
    return text;
}

/* What the kernel would show of our own group, of ours in it, of our place and of a program's. */
static int make_tree(const char *controllers)
{
    static const char *const folders[] = {"", "/supd-x", "/supd-x/supd", "/supd-x/p7"};
    static const char *const files[] = {"cgroup.kill", "cgroup.procs", "cgroup.subtree_control",
                                        "memory.max", "memory.oom.group"};
    char path[200];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", fake, folders[i]);
        if (i)
            assert_int_equal(mkdir(path, 0755), 0);
        for (size_t j = 0; j < 5; j++) {
            snprintf(path, sizeof(path), "%s/%s", folders[i], files[j]);
            put_file(path, "");
        }
    }
    put_file("cgroup.controllers", controllers);
    put_file("supd-x/p7/memory.events",
             "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
    return open(fake, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void remove_tree(void)
{
    assert_int_equal(nftw(fake, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void the_kernel_keeps_memory_max(void **state)
{
    (void)state;
    struct cgroups c;
    assert_non_null(mkdtemp(fake));
    cgroups_open_at(&c, make_tree("cpu memory pids\n"), "x", true);
    assert_true(c.base > 0 && !c.memory);
    assert_false(cgroup_limit_memory(&c, 7, 1000)); /* not yet */
    assert_true(cgroups_take_memory(&c));
    assert_string_equal(get_file("supd-x/supd/cgroup.procs"), "0"); /* before it is handed down */
    assert_string_equal(get_file("cgroup.subtree_control"), "+memory");
    assert_string_equal(get_file("supd-x/cgroup.subtree_control"), "+memory");
    assert_true(cgroup_limit_memory(&c, 7, UINT64_C(5000000000)));
    assert_string_equal(get_file("supd-x/p7/memory.max"), "5000000000");
    assert_string_equal(get_file("supd-x/p7/memory.oom.group"), "1");
    assert_int_equal(cgroup_oom(&c, 7), CGROUP_OOM_NONE);
    put_file("supd-x/p7/memory.events",
             "low 0\nhigh 0\nmax 9\noom 0\noom_kill 2\noom_group_kill 1\n");
    assert_int_equal(cgroup_oom(&c, 7), CGROUP_OOM_ABOVE);
    put_file("supd-x/p7/memory.events",
             "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n");
    assert_int_equal(cgroup_oom(&c, 7), CGROUP_OOM_LIMIT);
    assert_int_equal(cgroup_oom(&c, 8), CGROUP_OOM_NONE);
    assert_false(cgroup_limit_memory(&c, 8, 1));
    cgroups_close(&c);
    assert_string_equal(get_file("cgroup.subtree_control"), "-memory");
    assert_string_equal(get_file("cgroup.procs"), "0"); /* back */
    remove_tree();
}

static void a_limit_below_what_is_used_may_take_long(void **state)
{
    (void)state;
    static const struct {
        const char *now, *use;
        uint64_t max;
        bool waits;
    } rows[] =
        {
            {"max", "0", 5000, false},   /* just made */
            {"max", "4096", 9000, true}, /* it may use more by then */
            {"9000", "4096", 9000, false}, {"8192", "4096", 9000, false},
            {"9000", "4096", 5000, true},  {"9000", "0", 5000, false},
            {"4096", "8192", 4096, true}, /* another one is lowering it */
            {"4096", "8192", 0, false},   /* any amount */
            {"", "8192", 4096, false},    /* the write fails at once */
            {"9000", "", 5000, true},
        };
    struct cgroups c;
    strcpy(fake + strlen(fake) - 6, "XXXXXX");
    assert_non_null(mkdtemp(fake));
    cgroups_open_at(&c, make_tree("memory\n"), "x", true);
    assert_false(cgroup_limit_waits(&c, 7, 1)); /* nobody keeps it */
    assert_true(cgroups_take_memory(&c));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_file("supd-x/p7/memory.max", rows[i].now);
        put_file("supd-x/p7/memory.current", rows[i].use);
        if (cgroup_limit_waits(&c, 7, rows[i].max) != rows[i].waits)
            fail_msg("row %zu", i);
    }
    cgroups_close(&c);
    remove_tree();
}

/* The controller belongs to somebody else, or to version 1. */
static void nobody_keeps_it_for_us(void **state)
{
    (void)state;
    struct cgroups c;
    strcpy(fake + strlen(fake) - 6, "XXXXXX");
    assert_non_null(mkdtemp(fake));
    cgroups_open_at(&c, make_tree("cpu memoryless pids\n"), "x", true);
    assert_false(cgroups_take_memory(&c));
    assert_string_equal(get_file("cgroup.subtree_control"), "");
    assert_string_equal(get_file("supd-x/supd/cgroup.procs"), ""); /* we stay where we were */
    put_file("cgroup.controllers", "memory\n");
    char path[100]; /* others are in our group: the kernel says no, as a folder does */
    snprintf(path, sizeof(path), "%s/cgroup.subtree_control", fake);
    assert_true(unlink(path) == 0 && mkdir(path, 0755) == 0);
    assert_false(cgroups_take_memory(&c));
    assert_string_equal(get_file("cgroup.procs"), "0");
    assert_false(cgroup_limit_memory(&c, 7, 1));
    cgroups_close(&c);
    remove_tree();
}

/* Another image of supd finds it handed down. */
static void it_goes_on(void **state)
{
    (void)state;
    struct cgroups c;
    strcpy(fake + strlen(fake) - 6, "XXXXXX");
    assert_non_null(mkdtemp(fake));
    int own = make_tree("memory\n");
    put_file("supd-x/cgroup.subtree_control", "memory\n");
    cgroups_open_at(&c, own, "x", true);
    assert_true(c.memory && cgroups_take_memory(&c));
    assert_string_equal(get_file("cgroup.subtree_control"), "");
    cgroups_close(&c);
    remove_tree();
}

/* Whoever is in it has no group of his own. */
static void the_root_is_not_ours(void **state)
{
    (void)state;
    struct cgroups c = {0};
    if (!home[0] || !put(root, 0))
        skip();
    cgroups_open(&c, "test", false);
    assert_int_equal(c.base, 0);
    assert_true(put(home, 0));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

RUN(CASE(killed_as_a_whole), CASE(one_of_that_name_is_another_supds),
    CASE(without_any_nothing_works), CASE(the_root_is_not_ours), TEST(the_kernel_keeps_memory_max),
    TEST(a_limit_below_what_is_used_may_take_long), TEST(nobody_keeps_it_for_us), TEST(it_goes_on))
