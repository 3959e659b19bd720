/* What a change in the file means for a running process: nothing, at once, or a restart. */
#include "supervisor/conf/gendiff.h"
#include "supervisor/conf/section.h"
#include "tests/unit/conf_text.h"

#include <unistd.h>

#define HEAD "[supervisord]\n[program:x]\ncommand=a b\n"

static enum gen_apply change(const char *before, const char *after)
{
    const struct gen *a = gen_of(before), *b = gen_of(after);
    enum gen_apply r = gen_proc_differs(a, gen_procs(a), b, gen_procs(b));
    assert_int_equal(gen_group_differs(a, gen_groups(a), b, gen_groups(b)), r != GEN_SAME);
    gen_close(&a);
    gen_close(&b);
    return r;
}

static const struct {
    const char *added;
    enum gen_apply class;
} table[] = {
    {"", GEN_SAME},
    {"; a comment\n", GEN_SAME},
    {"autostart=TRUE\n", GEN_SAME},
    {"unknown=1\n", GEN_SAME},
    {"startsecs=01\n", GEN_SAME},
    {"stdout_logfile_maxbytes=51200KB\n", GEN_SAME},
    {"stopsignal=15\n", GEN_SAME},
    {"startsecs=2\n", GEN_HOT},
    {"autorestart=true\n", GEN_HOT},
    {"priority=3\n", GEN_HOT},
    {"stopsignal=INT\n", GEN_HOT},
    {"exitcodes=0,1\n", GEN_HOT},
    {"stdout_logfile=/x.log\n", GEN_HOT},
    {"stdout_logfile=NONE\n", GEN_HOT},
    {"stderr_logfile_maxbytes=1MB\n", GEN_HOT},
    {"backoff=3s\n", GEN_HOT},
    {"on_fatal=retry:4s\n", GEN_HOT},
    {"orphans=keep\n", GEN_HOT},
    {"log_format=json\n", GEN_HOT},
    {"stopsignals=TERM:1s,KILL\n", GEN_HOT},
    {"command=a c\n", GEN_RESTART},
    {"directory=/\n", GEN_RESTART},
    {"umask=0\n", GEN_RESTART},
    {"environment=A=1\n", GEN_RESTART},
    {"redirect_stderr=true\n", GEN_RESTART},
    {"user=root\n", GEN_RESTART},
    {"stdin=null\n", GEN_RESTART},
    {"sigpipe=ignore\n", GEN_RESTART},
    {"nice=5\n", GEN_RESTART},
    {"no_new_privileges=false\n", GEN_SAME},
    {"memory_high=1GB\n", GEN_HOT},
    {"read_only_paths=/\nread_write_paths=/a\n", GEN_RESTART},
    {"private_tmp=false optional\n", GEN_SAME},
    {"memory_max=1GB\nnice=1\n", GEN_RESTART},
    {"serverurl=http://h\n", GEN_RESTART},
    {"[supervisord]\nenvironment=A=1\n", GEN_RESTART},
    {"[supervisord]\nstrip_ansi=true\n", GEN_HOT},
    {"[supd]\norphans=keep\n", GEN_HOT},
    {"[supervisord]\nloglevel=debug\n", GEN_SAME},
};

static void test_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), HEAD "%s", table[i].added);
        enum gen_apply r = change(HEAD, text);
        if (r != table[i].class)
            fail_msg("%s: %d instead of %d", table[i].added, (int)r, (int)table[i].class);
    }
}

/* every row has a value that differs from its default, and the difference is seen in its class */
static void check_rows(const struct opt_table *t)
{
    static const char *const other[OPT_NTYPES] = {
        [OPT_STRING] = "other", [OPT_BOOLEAN] = "true",    [OPT_INTEGER] = "7",
        [OPT_SIZE] = "7KB",     [OPT_OCTAL] = "0123",      [OPT_DURATION] = "77s",
        [OPT_PERCENT] = "7%",   [OPT_FACTOR] = "7",        [OPT_AUTORESTART] = "false",
        [OPT_SIGNAL] = "USR1",  [OPT_EXITCODES] = "7",     [OPT_USER] = "root",
        [OPT_LOGFILE] = "NONE", [OPT_ENVIRONMENT] = "A=7", [OPT_STOPS] = "HUP:7s,KILL",
        [OPT_ONFATAL] = "exit", [OPT_LIST] = "z",          [OPT_EXITCODE] = "7",
        [OPT_RLIMIT] = "7:9",   [OPT_RLIMIT_SIZE] = "7KB", [OPT_RLIMIT_TIME] = "7s",
        [OPT_ADJUST] = "7",     [OPT_IONICE] = "idle",     [OPT_CPUS] = "1-7",
        [OPT_CAPS] = "chown",   [OPT_BYTES] = "7KB",       [OPT_FLAG] = "true",
        [OPT_PATHS] = "/x",     [OPT_READY] = "notify",
    };
    static const char tail[] = "[program:z]\ncommand=z\n"; /* what depends_on= names */
    for (size_t i = 0; i < t->n; i++) {
        const struct opt *o = &t->rows[i];
        const char *value =
            o->words ? o->words[o->def && strcmp(o->def, o->words[0]) == 0] : other[o->type];
        if (strcmp(o->name, "numprocs") == 0)
            continue; /* changes the number of processes, see below */
        if (strcmp(o->name, "read_write_paths") == 0 || o->type == OPT_PROFILE)
            continue; /* not without read_only_paths, see the table; what is in the file counts */
        if (strncmp(o->name, "env_", 4) == 0 || strcmp(o->name, "set_home") == 0)
            continue; /* what comes of them counts, see below */
        if (strcmp(o->name, "autostart") == 0)
            value = "false";
        if (strcmp(o->name, "sigpipe") == 0)
            value = "ignore";
        assert_non_null(value);
        char text[512];
        snprintf(text, sizeof(text), HEAD "%s=%s\n%s", o->name, value, tail);
        if (change(HEAD "[program:z]\ncommand=z\n", text) != o->apply)
            fail_msg("%s=%s: not seen as the row says", o->name, value);
    }
}

static void test_every_row(void **state)
{
    (void)state;
    check_rows(&rows_program);
    check_rows(&rows_limits);
    check_rows(&rows_order);
    check_rows(&rows_hooks);
}

/* A program restarts if its environment is another one, whatever made it so. */
static void test_environment(void **state)
{
    (void)state;
    assert_int_equal(change(HEAD, HEAD "env_clear=true\n"), GEN_RESTART);
    assert_int_equal(change(HEAD "env_clear=true\n", HEAD "env_clear=true\nenv_pass=HOME\n"),
                     GEN_RESTART);
    assert_int_equal(change(HEAD "env_clear=true\n", HEAD "env_clear=true\nenv_pass=NONE\n"),
                     GEN_SAME);
    assert_int_equal(change(HEAD "user=root\n", HEAD "user=root\nset_home=true\n"), GEN_RESTART);
    assert_int_equal(change(HEAD, HEAD "env_file=-/nosuch\nenv_file_format=docker\n"), GEN_SAME);
}

/* What is in the file counts, and where in the generation it lies does not. */
static void test_filter(void **state)
{
    (void)state;
    char with[512], cwd[256];
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    snprintf(with, sizeof(with), HEAD "seccomp=%s/conf.d/seccomp-worker.json optional\n", cwd);
    assert_int_equal(change(HEAD, with), GEN_RESTART);
    assert_int_equal(change(with, with), GEN_SAME);
    char more[640];
    snprintf(more, sizeof(more), "[supervisord]\n[program:w]\ncommand=longer\n%s", with + 14);
    const struct gen *a = gen_of(with), *b = gen_of(more);
    assert_int_equal(gen_proc_differs(a, gen_procs(a), b, gen_procs(b) + 1), GEN_SAME);
    gen_close(&a);
    gen_close(&b);
}

static bool group_change(const char *before, const char *after)
{
    const struct gen *a = gen_of(before), *b = gen_of(after);
    bool r = gen_group_differs(a, gen_groups(a), b, gen_groups(b));
    gen_close(&a);
    gen_close(&b);
    return r;
}

static void test_groups(void **state)
{
    (void)state;
    const char *two = HEAD "numprocs=2\nprocess_name=x%(process_num)d\n";
    assert_true(group_change(HEAD, two));
    assert_false(group_change(two, two));
    assert_true(
        group_change(HEAD "[group:g]\nprograms=x\n", HEAD "[group:g]\nprograms=x\npriority=3\n"));
    assert_true(group_change(HEAD, HEAD "[group:g]\nprograms=x\n"));
    const char *l = "[supervisord]\n[eventlistener:x]\ncommand=a b\n";
    char one[256], other[256];
    snprintf(one, sizeof(one), "%sevents=EVENT\n", l);
    snprintf(other, sizeof(other), "%sevents=TICK_5\n", l);
    assert_true(group_change(one, other));
    assert_false(group_change(one, one));
    assert_true(group_change(one, HEAD));
    snprintf(other, sizeof(other), "%sevents=EVENT\nbuffer_size=3\n", l);
    assert_true(group_change(one, other));
    const char *f = "[supervisord]\n[fcgi-program:x]\ncommand=a b\n";
    snprintf(one, sizeof(one), "%ssocket=tcp://h:1\n", f);
    snprintf(other, sizeof(other), "%ssocket=tcp://h:2\n", f);
    assert_true(group_change(one, other));
    assert_false(group_change(one, one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes), cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_filter),
        cmocka_unit_test(test_groups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
