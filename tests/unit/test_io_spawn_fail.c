/* Starts that fail: each step says what failed, on what and why. */
#include "spawn_run.h"

#include <sys/stat.h>

static struct fate f;
static char dir[32];

static int setup(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/spawn-XXXXXX");
    return mkdtemp(dir) ? spawn_setup(state) : -1;
}

static int teardown(void **state)
{
    char path[128];
    static const char *const names[] = {"a/tool", "b/tool", "c/tool", "script", "busy", "text",
                                        "a",      "b",      "c",      "closed", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        remove(path);
    }
    return spawn_teardown(state);
}

/* The path of name in the test's folder, in one of a few turns. */
static const char *in_dir(const char *name)
{
    static char paths[8][128];
    static unsigned turn;
    char *p = paths[turn++ % 8];
    snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
    return p;
}

static void make_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(in_dir(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* Runs it, and compares the sentence; %s in want stands for the test's folder. */
static void fails_with(struct spawn_request rq, enum spawn_step step, const char *want)
{
    char text[ERR_MAX];
    const char *at = strstr(want, "DIR");
    run(rq, &f);
    if (at)
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - want), want, dir, at + 3);
    else
        snprintf(text, sizeof(text), "%s", want);
    assert_string_equal(f.why.msg, text);
    assert_int_equal(f.cell->step, step);
    assert_true(f.cell->pid > 0);
    assert_true(WIFEXITED(f.status));
    assert_int_equal(WEXITSTATUS(f.status), 127);
    assert_true(f.why.errnum != 0);
    assert_int_equal(spawn_in_flight(), 0);
}

static void a_folder_that_is_not_there(void **state)
{
    (void)state;
    struct spawn_request rq = REQUEST("/bin/true");
    rq.directory = "/nowhere";
    fails_with(rq, SPAWN_CHDIR, "cannot chdir to /nowhere: No such file or directory");
    rq.directory = "/bin/true";
    fails_with(rq, SPAWN_CHDIR, "cannot chdir to /bin/true: Not a directory");
}

/* The user decides what may be entered, not we. */
static void a_folder_that_is_closed_to_the_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(in_dir("closed"), 0700), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    struct spawn_request rq = REQUEST("/bin/true");
    rq.directory = in_dir("closed");
    rq.uid = 65534;
    fails_with(rq, SPAWN_CHDIR, "cannot chdir to DIR/closed: Permission denied");
}

static void programs_that_cannot_run(void **state)
{
    (void)state;
    fails_with(REQUEST("/nowhere/x"), SPAWN_EXEC,
               "cannot execute /nowhere/x: No such file or directory");
    fails_with(REQUEST("/bin/true/x"), SPAWN_EXEC, "cannot execute /bin/true/x: Not a directory");
    fails_with(REQUEST("/etc"), SPAWN_EXEC, "cannot execute /etc: Is a directory");
    fails_with(REQUEST("/etc/passwd"), SPAWN_EXEC,
               "cannot execute /etc/passwd: Permission denied (no execute bit)");
    make_file("text", "just text\n", 0755);
    fails_with(REQUEST(in_dir("text")), SPAWN_EXEC,
               "cannot execute DIR/text: Exec format error (no #! line?)");
    make_file("script", "#!/no/such/shell\n", 0755);
    fails_with(REQUEST(in_dir("script")), SPAWN_EXEC,
               "cannot execute DIR/script: its interpreter is missing");
}

static void programs_of_others(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    struct spawn_request rq = REQUEST(in_dir("private"));
    make_file("private", "#!/bin/sh\n", 0700);
    assert_int_equal(chmod(dir, 0755), 0);
    rq.uid = 65534;
    fails_with(rq, SPAWN_EXEC,
               "cannot execute DIR/private: Permission denied (not for this user, or a noexec "
               "mount)");
    assert_int_equal(f.cell->errnum, SPAWN_NOT_PERMITTED);
    assert_int_equal(chmod(dir, 0700), 0);
    fails_with(rq, SPAWN_EXEC,
               "cannot execute DIR/private: Permission denied (a folder on the way is closed)");
    assert_int_equal(f.cell->errnum, SPAWN_NOT_REACHED);
}

static void a_program_that_is_being_written(void **state)
{
    (void)state;
    make_file("busy", "#!/bin/sh\n", 0755);
    int fd = open(in_dir("busy"), O_WRONLY | O_CLOEXEC);
    fails_with(REQUEST(in_dir("busy")), SPAWN_EXEC,
               "cannot execute DIR/busy: Text file busy (it is being written)");
    close(fd);
}

static void arguments_that_are_too_long(void **state)
{
    (void)state;
    static char big[200000];
    memset(big, 'x', sizeof(big) - 1);
    struct spawn_request rq = REQUEST("/bin/true", big);
    fails_with(rq, SPAWN_EXEC,
               "cannot execute /bin/true: Argument list too long (arguments and environment "
               "together)");
}

static void make_path(void)
{
    mkdir(in_dir("a"), 0755);
    mkdir(in_dir("b"), 0755);
    mkdir(in_dir("c"), 0755);
    make_file("a/tool", "#!/bin/sh\necho a\n", 0644);
    make_file("c/tool", "#!/bin/sh\necho c\n", 0755);
}

static void the_path_is_walked(void **state)
{
    (void)state;
    make_path();
    struct spawn_request rq = REQUEST("tool");
    rq.candidates = ARGV("/etc/passwd/tool", in_dir("b/tool"), in_dir("a/tool"), in_dir("c/tool"));
    run(rq, &f);
    assert_int_equal(f.status, 0);
    assert_string_equal(f.out, "c\n");
    assert_int_equal(f.cell->step, SPAWN_OK);
}

static void the_walk_remembers_what_told_most(void **state)
{
    (void)state;
    make_path();
    struct spawn_request rq = REQUEST("tool");
    rq.candidates = ARGV(in_dir("b/tool"), in_dir("a/tool"), "/etc/passwd", "/nowhere/tool");
    fails_with(rq, SPAWN_EXEC, "cannot execute DIR/a/tool: Permission denied (no execute bit)");
    assert_int_equal(f.cell->candidate, 1);
    make_file("b/tool", "no header\n", 0755); /* any other error ends the walk */
    rq.candidates = ARGV(in_dir("a/tool"), in_dir("b/tool"), in_dir("c/tool"));
    fails_with(rq, SPAWN_EXEC, "cannot execute DIR/b/tool: Exec format error (no #! line?)");
}

static void a_bare_name_says_where_it_was_sought(void **state)
{
    (void)state;
    struct spawn_request rq = REQUEST("foo");
    rq.candidates = ARGV("/usr/bin/foo", "/bin/foo", "/foo", "foo");
    fails_with(rq, SPAWN_EXEC, "can't find command 'foo' (searched /usr/bin:/bin:/:.)");
    rq.candidates = NO_ENV;
    fails_with(rq, SPAWN_EXEC, "can't find command 'foo' (PATH is empty)");
}

static void limits_that_are_not_allowed(void **state)
{
    (void)state;
    struct rlimit lim = {.rlim_cur = 2000000000, .rlim_max = 2000000000};
    struct spawn_request rq = REQUEST("/bin/true");
    rq.nofile = &lim;
    fails_with(rq, SPAWN_RLIMIT,
               "cannot set the limit of open files to 2000000000:2000000000: Operation not "
               "permitted (raising the hard limit needs CAP_SYS_RESOURCE, and fs.nr_open is above "
               "all)");
    lim = (struct rlimit){.rlim_cur = 20, .rlim_max = 10};
    fails_with(rq, SPAWN_RLIMIT, "cannot set the limit of open files to 20:10: Invalid argument");
}

/* Runs it and compares, in a process apart. */
static int expect_failure(const struct spawn_request *rq, const char *want)
{
    run(*rq, &f);
    EXPECT(WIFEXITED(f.status) && WEXITSTATUS(f.status) == 127);
    if (strcmp(f.why.msg, want) != 0)
        fprintf(stderr, "got:    %s\nwanted: %s\n", f.why.msg, want);
    return strcmp(f.why.msg, want) != 0;
}

static int as_nobody(void)
{
    static const uint32_t groups[] = {1};
    EXPECT(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
    struct spawn_request rq = REQUEST("/bin/true");
    rq.uid = 0;
    int bad = expect_failure(&rq, "cannot change to user 0: Operation not permitted (CAP_SETUID is "
                                  "missing)");
    rq.uid = -1;
    rq.gid = 0;
    bad += expect_failure(&rq, "cannot change to group 0: Operation not permitted (CAP_SETGID is "
                               "missing)");
    rq.gid = -1;
    rq.groups = groups;
    rq.ngroups = 1;
    bad += expect_failure(&rq, "cannot set the supplementary groups: Operation not permitted "
                               "(CAP_SETGID is missing, or the user namespace denies setgroups)");
    rq = REQUEST("/bin/true");
    rq.uid = rq.gid = 65534; /* what one is already is no change */
    run(rq, &f);
    return bad + f.status;
}

static void rights_that_are_missing_are_named(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(apart(as_nobody), 0);
}

static void a_bad_descriptor_is_our_error(void **state)
{
    (void)state;
    struct spawn_request rq = REQUEST("/bin/true");
    struct spawn_cell *cell = new_cells(1);
    int errnum = 0;
    rq.fds[1] = 12345;
    assert_int_equal(spawn_start(&rq, cell, &errnum), SPAWN_FAILED);
    assert_int_equal(errnum, EBADF);
    assert_int_equal(cell->pid, 0);
    assert_int_equal(spawn_in_flight(), 0);
    rq.fds[1] = -1;
    assert_int_equal(start(&rq, cell), SPAWN_STARTED);
    assert_int_equal(reap_one(cell->pid), 0);
}

static int without_processes(void)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    EXPECT(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
    EXPECT(setrlimit(RLIMIT_NPROC, &none) == 0);
    struct spawn_request rq = REQUEST("/bin/true");
    struct spawn_cell *cell = new_cells(1);
    int errnum = 0;
    for (int i = 0; i < 100; i++) {
        EXPECT(spawn_start(&rq, cell, &errnum) == SPAWN_REFUSED);
        EXPECT(errnum == EAGAIN && cell->pid == 0 && cell->step == SPAWN_OK);
    }
    EXPECT(spawn_in_flight() == 0);
    return 0;
}

static void no_more_processes_is_a_refusal(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(apart(without_processes), 0);
}

/* The limit was lowered below what the port holds already. */
static int with_a_low_limit(void)
{
    struct rlimit was, low;
    EXPECT(getrlimit(RLIMIT_NOFILE, &was) == 0);
    low = (struct rlimit){.rlim_cur = 3, .rlim_max = was.rlim_max};
    EXPECT(setrlimit(RLIMIT_NOFILE, &low) == 0);
    struct spawn_request rq = REQUEST("/bin/true");
    struct spawn_cell *cell = new_cells(1);
    int errnum = 0;
    EXPECT(spawn_start(&rq, cell, &errnum) == SPAWN_REFUSED && errnum == EMFILE);
    EXPECT(setrlimit(RLIMIT_NOFILE, &was) == 0);
    EXPECT(spawn_start(&rq, cell, &errnum) == SPAWN_STARTED);
    EXPECT(waitpid(cell->pid, NULL, 0) == cell->pid);
    return 0;
}

static void no_more_descriptors_is_a_refusal(void **state)
{
    (void)state;
    if (strcmp(spawn_method(), "fork") == 0)
        skip(); /* it needs none of its own */
    assert_int_equal(apart(with_a_low_limit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_that_is_not_there),
        cmocka_unit_test(a_folder_that_is_closed_to_the_user),
        cmocka_unit_test(programs_that_cannot_run),
        cmocka_unit_test(programs_of_others),
        cmocka_unit_test(a_program_that_is_being_written),
        cmocka_unit_test(arguments_that_are_too_long),
        cmocka_unit_test(the_path_is_walked),
        cmocka_unit_test(the_walk_remembers_what_told_most),
        cmocka_unit_test(a_bare_name_says_where_it_was_sought),
        cmocka_unit_test(limits_that_are_not_allowed),
        cmocka_unit_test(rights_that_are_missing_are_named),
        cmocka_unit_test(a_bad_descriptor_is_our_error),
        cmocka_unit_test(no_more_processes_is_a_refusal),
        cmocka_unit_test(no_more_descriptors_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
