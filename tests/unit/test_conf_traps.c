/* Lines that mean something else than they seem to: what --lint says, and what a start warns of. */
#include "tests/unit/conf_text.h"

static struct conf *lint(const char *text)
{
    struct conf_request rq = text_request(text, strlen(text));
    rq.lint = true;
    return conf_load(&rq);
}

static bool any(const struct conf *c, size_t n, const char *(*get)(const struct conf *c, size_t i),
                const char *part)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(get(c, i), part))
            return true;
    return false;
}

struct row {
    const char *keys; /* of [program:x] */
    const char *says; /* NULL: it is as it seems */
};

#define HEAD "[supervisord]\nnodaemon=true\n[program:x]\n"

static void check(const struct row *row)
{
    char text[1024];
    snprintf(text, sizeof(text), HEAD "%s", row->keys);
    struct conf *c = lint(text);
    if (conf_nerrors(c))
        fail_msg("%s: %s", row->keys, conf_error(c, 0));
    if (row->says && !any(c, conf_ntraps(c), conf_trap_text, row->says))
        fail_msg("%s: nothing says '%s', the first of %zu is %s", row->keys, row->says,
                 conf_ntraps(c), conf_ntraps(c) ? conf_trap_text(c, 0) : "-");
    if (!row->says && conf_ntraps(c))
        fail_msg("%s: %s", row->keys, conf_trap_text(c, 0));
    conf_free(&c);
}

static void test_traps(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"command=a\n", NULL},
        {"command=a ; a comment\n", NULL},
        {"command=a 'b' # it's one\n", NULL},
        {"command=sh -c 'a;b'\n", NULL},
        {"command=sh -c 'a ; b'\n", "t.conf:4: program:x.command: '; b'...' stands in quotes"},
        {"command=sh -c \"a # b\"\n", "'# b\"...' stands in quotes"},
        {"command=a\nenvironment=A=\"1\",B='2'\n", NULL},
        {"command=a \\\n  --b\n", "t.conf:4: program:x.command: a backslash before the end"},
        {"command=a\n  --b\n", NULL},
        {"command=a\n  autostart=false\n", "its text goes on with 'autostart'"},
        {"command=a\n  --x=false\n", NULL},
        {"command=a\ncommand=b\n", "t.conf:5: program:x.command: was set at /t.conf:4"},
        {"command=a\n[program:x]\npriority=1\n", "t.conf:5: [program:x]: began at /t.conf:3"},
        {"command=a && b\n", "program:x.command: '&&'"},
        {"command=a 2>&1\n", "'2>&1'"},
        {"command=a $HOME\n", "'$HOME'"},
        {"command=/bin/sh -c 'a && b $HOME'\n", NULL},
        {"command=/bin/sh -c a $0\n", NULL},
        {"command=a\nuser=root\n", "program:x.user: HOME is not that of root"},
        {"command=a\nuser=root\nenvironment=HOME=\"/root\"\n", NULL},
        {"command=a\nuser=root\nset_home=true\n", NULL},
        {"command=a\nstdout_logfile=/dev/stdout\n", "/dev/stdout has a size limit"},
        {"command=a\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\n", NULL},
        {"command=a\nstdout_logfile=/dev/null\n", NULL},
        {"command=a\nstartsecs=0\n", "program:x.startsecs: 0 with autorestart=unexpected"},
        {"command=a\nstartsecs=0\nautorestart=true\n", "0 with autorestart=true"},
        {"command=a\nstartsecs=0\nautorestart=false\n", NULL},
        {"command=a\nstartsecs=0\nretry_window=1m\n", NULL},
        {"command=a\nstdout_logfile=/l\nstderr_logfile=/l\n", "2 outputs go to /l"},
        {"command=a\nstdout_logfile=/l\n[program:y]\ncommand=a\nstdout_logfile=/l\n",
         "t.conf:8: program:y.stdout_logfile: 2 outputs go to /l, also program:x.stdout_logfile"},
        {"command=a\nautostrat=no\n", "has no option 'autostrat'; did you mean autostart?"},
        {"command=a\n[progam:y]\n", "unknown section [progam:y]; did you mean [program:y]?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

static void test_the_daemon(void **state)
{
    (void)state;
    struct conf *c = lint("[supervisord]\n");
    assert_true(any(c, conf_ntraps(c), conf_trap_text, "supervisord.nodaemon: is not true"));
    conf_free(&c);
    c = lint("[supervisord]\nnodaemon=true\numask=0\n");
    assert_int_equal(conf_ntraps(c), 1);
    assert_true(any(c, 1, conf_trap_text, "supervisord.umask: has no effect"));
    conf_free(&c);
}

static void test_both_sides_are_told(void **state)
{
    (void)state;
    struct conf *c = lint(HEAD "command=a && b\n");
    assert_int_equal(conf_ntraps(c), 1);
    assert_true(any(c, 1, conf_trap_text, "\n    Supervisor: starts no shell"));
    assert_true(any(c, 1, conf_trap_text, "\n    supd: the same"));
    conf_free(&c);
}

/* Without --lint these are no news of a start, but for those that harm. */
static void test_warnings_of_a_start(void **state)
{
    (void)state;
    struct conf *c = load_text(HEAD "command=a && b\nuser=root\nautostrat=no\n");
    assert_int_equal(conf_nwarnings(c) + conf_ntraps(c), 0);
    conf_free(&c);
    c = load_text(HEAD "command=sh -c 'a ; b'\nstartsecs=0\nstdout_logfile=/l\n"
                       "[program:y]\ncommand=y \\\n z\nstdout_logfile=/l\nstartsecs=0\n");
    assert_int_equal(conf_nwarnings(c), 4);
    const char *const says[] = {"('; b'...' stands in quotes, but behind a blank",
                                "program:x.startsecs, and of 1 more: 0 with autorestart=unexpected",
                                "a backslash before the end of a line puts a newline",
                                "program:y.stdout_logfile: /l is the log of program:x, too"};
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++)
        if (!any(c, 4, conf_warning, says[i]))
            fail_msg("no warning says '%s'", says[i]);
    conf_free(&c);
}

/* what supd keeps of a start does not grow with the programs */
static void test_one_warning_for_many(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    str_puts(&text, "[supervisord]\n");
    for (int i = 0; i < 200; i++)
        str_printf(&text, "[program:p%d]\ncommand=a\nstartsecs=0\n", i);
    struct conf *c = load_text(str_text(&text));
    assert_int_equal(conf_nwarnings(c), 1);
    assert_true(any(c, 1, conf_warning, "and of 199 more"));
    conf_free(&c);
    str_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traps),
        cmocka_unit_test(test_the_daemon),
        cmocka_unit_test(test_both_sides_are_told),
        cmocka_unit_test(test_warnings_of_a_start),
        cmocka_unit_test(test_one_warning_for_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
