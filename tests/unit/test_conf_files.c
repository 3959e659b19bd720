/* Files: includes, their patterns, what is skipped, and where the main file is looked for. */
#include "supervisor/conf/fileglob.h"
#include "tests/unit/conf_text.h"

#include <stdlib.h>
#include <sys/stat.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/conf-files-XXXXXX");
    if (!mkdtemp(folder) || mkdir(in_folder("d"), 0755) < 0 ||
        mkdir(in_folder("d/sub.conf"), 0755) < 0)
        return -1;
    put_file("d/a.conf", "[program:a]\ncommand=a %(here)s\n");
    put_file("d/b.conf", "[program:b]\ncommand=b\n[include]\nfiles=c.conf\n");
    put_file("d/.hidden.conf", "[program:h]\ncommand=h\n");
    put_file("d/x[1].conf", "[program:x]\ncommand=x\n");
    put_file("d/\xc3\xa9.conf", "[program:e]\ncommand=e\n");
    return mkfifo(in_folder("d/pipe.conf"), 0644);
}

static int teardown(void **state)
{
    (void)state;
    const char *const names[] = {"d/a.conf",        "d/b.conf",    "d/.hidden.conf",  "d/x[1].conf",
                                 "d/\xc3\xa9.conf", "d/pipe.conf", "supervisord.conf"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(in_folder(names[i]));
    rmdir(in_folder("d/sub.conf"));
    rmdir(in_folder("d"));
    return rmdir(folder);
}

static struct conf *load(const char *files)
{
    char text[512];
    snprintf(text, sizeof(text), "[supervisord]\n[include]\nfiles=%s\n", files);
    put_file("supervisord.conf", text);
    struct conf_request rq = {
        .path = in_folder("supervisord.conf"), .cwd = "/", .environ = text_environ};
    return conf_load(&rq);
}

/* by rule they were found in another order: options before the section's own demands, programs
 * before groups */
static void test_messages_come_by_file_and_line(void **state)
{
    (void)state;
    put_file("d/0.conf", "[program:z]\nstartsecs=x\n");
    put_file("supervisord.conf", "[supervisord]\n[include]\nfiles=d/0.conf\n"
                                 "[group:g]\nprograms=nosuch\n"
                                 "[program:a]\numask=9\nautostart=maybe\n");
    struct conf_request rq = {
        .path = in_folder("supervisord.conf"), .cwd = "/", .environ = text_environ};
    struct conf *c = conf_load(&rq);
    const char *const places[] = {
        "supervisord.conf:5: ", "supervisord.conf:6: ", "supervisord.conf:7: ",
        "supervisord.conf:8: ", "d/0.conf:1: ",         "d/0.conf:2: "};
    size_t n = sizeof(places) / sizeof(places[0]);
    for (size_t i = 0; i < n && i < conf_nerrors(c); i++)
        if (strncmp(conf_error(c, i) + strlen(folder) + 1, places[i], strlen(places[i])) != 0)
            fail_msg("not %s: %s", places[i], conf_error(c, i));
    assert_int_equal(conf_nerrors(c), n);
    conf_free(&c);
    unlink(in_folder("d/0.conf"));
}

/* an error in the main file hides nothing of its includes, and the other way round */
static void test_errors_of_all_files(void **state)
{
    (void)state;
    put_file("d/0.conf", "[program:z]\ncommand /bin/z\numask=9\n");
    put_file("supervisord.conf", "[supervisord]\nminfds 9\n[include]\nfiles=d/0.conf\n"
                                 "[group:g]\nprograms=z\npriority=high\n");
    struct conf_request rq = {
        .path = in_folder("supervisord.conf"), .cwd = "/", .environ = text_environ};
    struct conf *c = conf_load(&rq);
    const char *const places[] = {"supervisord.conf:2: no '='", "supervisord.conf:7: group:g.p",
                                  "d/0.conf:2: no '='", "d/0.conf:3: program:z.umask"};
    size_t n = sizeof(places) / sizeof(places[0]);
    for (size_t i = 0; i < n && i < conf_nerrors(c); i++)
        if (strncmp(conf_error(c, i) + strlen(folder) + 1, places[i], strlen(places[i])) != 0)
            fail_msg("not %s: %s", places[i], conf_error(c, i));
    assert_int_equal(conf_nerrors(c), n);
    conf_free(&c);
    unlink(in_folder("d/0.conf"));
}

static void test_pattern(void **state)
{
    (void)state;
    struct conf *c = load("d/*.conf nosuch/*.conf");
    struct str json = STR_INIT;
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    conf_dump_json(c, &json);
    char want[256];
    snprintf(want, sizeof(want), "\"command\": \"a %s/d\"", folder);
    assert_non_null(strstr(json.s, want));
    assert_non_null(strstr(json.s, "\"name\": \"b\""));
    assert_null(strstr(json.s, "\"name\": \"h\""));
    assert_int_equal(conf_nwarnings(c), 1);
    assert_non_null(strstr(conf_warning(c, 0), "No file matches via include"));
    /* the folder and the pipe are skipped, and the inner [include] is pointed out */
    assert_int_equal(conf_nnotes(c), 3);
    assert_non_null(strstr(conf_note(c, 0), "pipe.conf is skipped: It is no regular file"));
    assert_non_null(strstr(conf_note(c, 1), "sub.conf is skipped: Is a directory"));
    assert_non_null(strstr(conf_note(c, 2), "[include] is ignored in an included file"));
    str_fini(&json);
    conf_free(&c);
}

/* Supervisor passes over it in silence */
static void test_what_cannot_be_read(void **state)
{
    (void)state;
    assert_int_equal(symlink("loop.conf", in_folder("d/loop.conf")), 0);
    assert_int_equal(symlink("nothing", in_folder("d/nothing.conf")), 0);
    assert_int_equal(symlink("loop", in_folder("loop")), 0);
    struct conf *c = load("d/loop.conf d/nothing.conf loop/*.conf");
    const char *const says[] = {
        "/d/loop.conf, it is skipped: Too many levels of symbolic links",
        "/d/nothing.conf is skipped: it is a link to nothing",
        "/loop, it is skipped: Too many levels of symbolic links",
        "No file matches via include",
    };
    assert_int_equal(conf_nerrors(c), 0);
    assert_int_equal(conf_nwarnings(c), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(strstr(conf_warning(c, i), "supervisord.conf:3: "));
        if (!strstr(conf_warning(c, i), says[i]))
            fail_msg("not %s: %s", says[i], conf_warning(c, i));
    }
    conf_free(&c);
    unlink(in_folder("d/loop.conf"));
    unlink(in_folder("d/nothing.conf"));
    unlink(in_folder("loop"));
}

/* one after the other, Supervisor would say only the first */
static void test_everything_wrong_is_said_at_once(void **state)
{
    (void)state;
    put_file("supervisord.conf", "[supervisord]\n[program:a]\ncommand=a\nnumprocs=2\n"
                                 "autostart=maybe\npriority=%(process_num)d\n"
                                 "environment=A=1\n  B=2\n");
    struct conf_request rq = {
        .path = in_folder("supervisord.conf"), .cwd = "/", .environ = text_environ};
    struct conf *c = conf_load(&rq);
    const char *const says[] = {
        "supervisord.conf:2: program:a: %(process_num) must be present within process_name",
        "supervisord.conf:5: program:a.autostart: not a valid boolean value",
        "supervisord.conf:6: Format string '%(process_num)d' for 'program:a.priority' contains",
        "supervisord.conf:7: program:a.environment: Unexpected end of key/value pairs in value "
        "'A=1\\nB=2' ",
    };
    for (size_t i = 0; i < 4 && i < conf_nerrors(c); i++)
        if (!strstr(conf_error(c, i), says[i]))
            fail_msg("not %s: %s", says[i], conf_error(c, i));
    assert_int_equal(conf_nerrors(c), 4);
    conf_free(&c);
    put_file("supervisord.conf", "one=1\ntwo=2\n[supervisord]\nminfds 9\n");
    c = conf_load(&rq);
    assert_int_equal(conf_nerrors(c), 2);
    assert_non_null(
        strstr(conf_error(c, 0), "supervisord.conf:1: File contains no section headers"));
    assert_non_null(strstr(conf_error(c, 1), "supervisord.conf:4: no '='"));
    conf_free(&c);
}

static void test_error_in_include(void **state)
{
    (void)state;
    put_file("d/a.conf", "; c\n[program:a]\ncommand=a\nautostart=perhaps\n");
    struct conf *c = load("d/a.conf");
    char want[256];
    snprintf(want, sizeof(want),
             "%s/d/a.conf:4: program:a.autostart: not a valid boolean value: "
             "'perhaps' (use true or false)",
             folder);
    assert_int_equal(conf_nerrors(c), 1);
    assert_string_equal(conf_error(c, 0), want);
    conf_free(&c);
    c = load("%(ENV_NOPE)s");
    assert_int_equal(conf_nerrors(c), 1);
    conf_free(&c);
}

static const struct {
    const char *pattern, *name;
    bool match;
} table[] = {
    {"*", "abc", true},
    {"a*c", "abc", true},
    {"a*c", "ab", false},
    {"?b?", "abc", true},
    {"?", "\xc3\xa9", true},
    {"[a-c]x", "bx", true},
    {"[!a-c]x", "bx", false},
    {"[!a-c]x", "dx", true},
    {"[^b]", "b", true},
    {"[^b]", "^", true},
    {"[^b]", "a", false},
    {"[]]", "]", true},
    {"[!]]", "]", false},
    {"[ab", "[ab", true},
    {"[ab", "a", false},
    {"[[:alpha:]]", "a]", true},
    {"\\*", "\\x", true},
    {"\\*", "*", false},
    {"[\xc3\xa0-\xc3\xb0]", "\xc3\xa9", true},
    {"**", "x", true},
    {"a", "ab", false},
    {"", "", true},
    {"*a*b*", "xaxbx", true},
};

static void test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (fileglob_match(table[i].pattern, table[i].name) != table[i].match)
            fail_msg("%s against %s", table[i].pattern, table[i].name);
    }
}

static void test_glob(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct fileglob_blind blind;
    struct str_list l = fileglob(a, in_folder("?/*.conf"), &blind);
    assert_int_equal(l.n, 6);
    for (size_t i = 1; i < l.n; i++)
        assert_true(strcmp(l.v[i - 1], l.v[i]) < 0);
    assert_int_equal(fileglob(a, in_folder("d/.*.conf"), &blind).n, 1);
    assert_int_equal(fileglob(a, in_folder("d/a.conf"), &blind).n, 1);
    assert_int_equal(fileglob(a, in_folder("d/x[[]1].conf"), &blind).n, 1);
    assert_int_equal(fileglob(a, in_folder("nosuch/*"), &blind).n, 0);
    assert_int_equal(fileglob(a, in_folder("d/a.conf/*"), &blind).n, 0);
    assert_null(blind.path);
    arena_free(&a);
}

static void test_search(void **state)
{
    (void)state;
    put_file("supervisord.conf", "[supervisord]\nidentifier=found\n");
    struct conf_request rq = {.cwd = folder, .environ = text_environ};
    struct conf *c = conf_load(&rq);
    assert_int_equal(conf_nerrors(c), 0);
    conf_free(&c);
    rq.cwd = "/";
    char argv0[128];
    snprintf(argv0, sizeof(argv0), "%s/d/supd", folder);
    rq.argv0 = argv0;
    c = conf_load(&rq);
    assert_int_equal(conf_nerrors(c), 0);
    conf_free(&c);
    if (access("/etc/supervisord.conf", F_OK) == 0 ||
        access("/etc/supervisor/supervisord.conf", F_OK) == 0)
        return; /* this machine has one */
    rq.argv0 = NULL;
    c = conf_load(&rq);
    assert_int_equal(conf_nerrors(c), 1);
    assert_int_equal(
        strncmp(conf_error(c, 0), "No config file found at default paths (/supervisord.conf, ", 57),
        0);
    conf_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_come_by_file_and_line),
        cmocka_unit_test(test_errors_of_all_files),
        cmocka_unit_test(test_pattern),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_everything_wrong_is_said_at_once),
        cmocka_unit_test(test_error_in_include),
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_search),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
