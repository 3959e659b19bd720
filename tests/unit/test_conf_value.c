/* The value types one by one: what each takes, and that it refuses the rest. */
#include "supervisor/conf/expand.h"
#include "supervisor/conf/paths.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/users.h"
#include "supervisor/conf/value.h"
#include "supervisor/conf/words.h"
#include "tests/unit/conf_text.h"

#include <pwd.h>

#define REFUSED INT64_C(-987654321)
#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

struct number_case {
    const char *text;
    int64_t want;
};

static void check_numbers(const struct number_case *t, size_t n,
                          int (*parse)(const char *, int64_t *, struct err *))
{
    for (size_t i = 0; i < n; i++) {
        struct err e = {0};
        int64_t got = 0;
        int r = parse(t[i].text, &got, &e);
        if (r == 0 ? got != t[i].want : t[i].want != REFUSED)
            fail_msg("'%s' gives %lld (%s)", t[i].text, (long long)got, e.msg);
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const struct number_case t[] = {
        {"0", 0},
        {"10", 10},
        {"-3", -3},
        {"+4", 4},
        {" 7\t", 7},
        {"1_000", 1000},
        {"007", 7},
        {"\xc2\xa0"
         "5",
         5},
        {"", REFUSED},
        {"1__0", REFUSED},
        {"_1", REFUSED},
        {"1_", REFUSED},
        {"x", REFUSED},
        {"0x10", REFUSED},
        {"1.5", REFUSED},
        {"10s", REFUSED},
        {"- 1", REFUSED},
        {"--1", REFUSED},
        {"99999999999999999999", REFUSED},
        {"9223372036854775807", INT64_MAX},
    };
    check_numbers(t, COUNT(t), val_integer);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct number_case t[] = {
        {"0", 0},           {"1000", 1000},      {"50MB", 50 << 20}, {"2kb", 2048},
        {"1gB", 1 << 30},   {"50 MB", 50 << 20}, {"-1KB", -1024},    {"10K", REFUSED},
        {"1.5MB", REFUSED}, {"MB", REFUSED},     {"10B", REFUSED},   {"99999999999GB", REFUSED},
        {"1TB", REFUSED},
    };
    check_numbers(t, COUNT(t), val_size);
}

static void test_octals(void **state)
{
    (void)state;
    static const struct number_case t[] = {
        {"022", 18},    {"0o22", 18},  {"22", 18},       {"-2", -2},      {"0", 0},
        {"9", REFUSED}, {"", REFUSED}, {"0x1", REFUSED}, {"0o", REFUSED},
    };
    check_numbers(t, COUNT(t), val_octal);
}

static int signal64(const char *text, int64_t *out, struct err *e)
{
    int sig = 0, r = val_signal(text, &sig, e);
    *out = sig;
    return r;
}

static void test_signals(void **state)
{
    (void)state;
    static const struct number_case t[] = {
        {"TERM", 15},
        {"sigint", 2},
        {"SIGHUP", 1},
        {"0", 0},
        {"31", 31},
        {"34", 34},
        {"64", 64},
        {"RTMIN", 34},
        {"SIGRTMAX", 64},
        {"CLD", 17},
        {" usr1 ", 10},
        {"_DFL", 0},
        {"32", REFUSED},
        {"65", REFUSED},
        {"-1", REFUSED},
        {"FOO", REFUSED},
        {"", REFUSED},
        {"RTMIN+1", REFUSED},
        {"a very long name that is no signal at all", REFUSED},
    };
    check_numbers(t, COUNT(t), signal64);
}

static int percent64(const char *text, int64_t *out, struct err *e)
{
    int32_t milli = 0;
    int r = val_percent(text, &milli, e);
    *out = milli;
    return r;
}

static int share64(const char *text, int64_t *out, struct err *e)
{
    int32_t ppm = 0;
    int r = val_share(text, &ppm, e);
    *out = ppm;
    return r;
}

static int factor64(const char *text, int64_t *out, struct err *e)
{
    int32_t milli = 0;
    int r = val_factor(text, &milli, e);
    *out = milli;
    return r;
}

static void test_fractions(void **state)
{
    (void)state;
    static const struct number_case percents[] = {
        {"10%", 100},   {"10", 100},      {"12.5%", 125},   {"0", 0},
        {"100%", 1000}, {"101", REFUSED}, {"%", REFUSED},   {"-1%", REFUSED},
        {"x", REFUSED}, {"", REFUSED},    {"1e9%", REFUSED}};
    static const struct number_case shares[] = {{"10%", 100000},
                                                {"99.95%", 999500},
                                                {"0.0001%", 1},
                                                {"5", 50000},
                                                {"100%", 1000000},
                                                {"101%", REFUSED},
                                                {"100.1", REFUSED},
                                                {"0.00001%", REFUSED},
                                                {"1.50000%", 15000},
                                                {"%", REFUSED},
                                                {".5%", REFUSED},
                                                {"-1%", REFUSED},
                                                {"99999999999999999", REFUSED},
                                                {"1%x", REFUSED},
                                                {"", REFUSED}};
    static const struct number_case factors[] = {
        {"2", 2000},     {"1.5", 1500},    {"1", 1000},   {"0.9", REFUSED},
        {"2x", REFUSED}, {"nan", REFUSED}, {"", REFUSED}, {"1001", REFUSED}};
    check_numbers(percents, COUNT(percents), percent64);
    check_numbers(shares, COUNT(shares), share64);
    check_numbers(factors, COUNT(factors), factor64);
}

static void test_words(void **state)
{
    (void)state;
    struct err e;
    bool b;
    uint8_t r;
    int level;
    assert_int_equal(val_boolean("Yes", &b, &e), 0);
    assert_true(b);
    assert_int_equal(val_boolean("OFF", &b, &e), 0);
    assert_false(b);
    assert_int_equal(val_boolean("", &b, &e), -1);
    assert_int_equal(val_autorestart("Unexpected", &r, &e), 0);
    assert_int_equal(r, GEN_RESTART_UNEXPECTED);
    assert_int_equal(val_autorestart("1", &r, &e), 0);
    assert_int_equal(r, GEN_RESTART_ALWAYS);
    assert_int_equal(val_autorestart("no", &r, &e), 0);
    assert_int_equal(r, GEN_RESTART_NEVER);
    assert_int_equal(val_autorestart("always", &r, &e), -1);
    assert_int_equal(val_loglevel("BLATHER", &level, &e), 0);
    assert_int_equal(level, 3);
    assert_int_equal(val_loglevel("warning", &level, &e), -1);
    assert_int_equal(val_loglevel("a very long name of a level", &level, &e), -1);
}

static void check_inet(struct arena *a, const char *text, const char *want_host, int want_port)
{
    struct err e;
    const char *host = NULL;
    int port = 0, r = val_inet(a, text, &host, &port, &e);
    assert_int_equal(r, want_host ? 0 : -1);
    if (!want_host)
        return;
    assert_string_equal(host, want_host);
    assert_int_equal(port, want_port);
}

static void test_addresses(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    check_inet(a, "9001", "", 9001);
    check_inet(a, ":9001", "", 9001);
    check_inet(a, "*:1", "", 1);
    check_inet(a, "LocalHost:65535", "localhost", 65535);
    check_inet(a, "a:b:80", "a:b", 80);
    check_inet(a, "host:", NULL, 0);
    check_inet(a, "host:0", NULL, 0);
    check_inet(a, "65536", NULL, 0);
    check_inet(a, "", NULL, 0);
    check_inet(a, "host", NULL, 0);
    arena_free(&a);
}

static void test_lists(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err e;
    struct str_list l = val_list(a, " a ,b,\n c,");
    int32_t *codes;
    size_t n;
    assert_int_equal(l.n, 4);
    assert_string_equal(l.v[0], "a");
    assert_string_equal(l.v[2], "c");
    assert_string_equal(l.v[3], "");
    assert_int_equal(val_list(a, "").n, 0);
    assert_int_equal(val_exitcodes(a, "2, 0,2", &codes, &n, &e), 0);
    assert_int_equal(n, 3);
    assert_int_equal(codes[0], 2);
    assert_int_equal(val_exitcodes(a, "", &codes, &n, &e), 0);
    assert_int_equal(n, 0);
    assert_int_equal(val_exitcodes(a, "0,", &codes, &n, &e), -1);
    assert_int_equal(val_exitcodes(a, "256", &codes, &n, &e), -1);
    arena_free(&a);
}

static void check_split(const char *text, const char *joined)
{
    struct arena *a = arena_new();
    struct str out = STR_INIT;
    struct err e;
    const char **argv;
    size_t argc;
    bool ok = words_split(a, text, &argv, &argc, &e) == 0;
    str_puts(&out, ok ? "" : e.msg);
    for (size_t i = 0; ok && i < argc; i++)
        str_printf(&out, "%s<%s>", i ? " " : "", argv[i]);
    assert_string_equal(str_text(&out), joined);
    str_fini(&out);
    arena_free(&a);
}

static void test_splits(void **state)
{
    (void)state;
    check_split("a b", "<a> <b>");
    check_split("a 'b c' \"d 'e'\"", "<a> <b c> <d 'e'>");
    check_split("a\\ b \"x\\\"y\\\\z\\n\"", "<a b> <x\"y\\z\\n>");
    check_split("a ''\"\" b''c", "<a> <> <bc>");
    check_split("a #b", "<a> <#b>");
    check_split("", "");
    check_split("\"a", "No closing quotation");
    check_split("'a", "No closing quotation");
    check_split("a \\", "No escaped character");
    check_split("\"a\\", "No escaped character");
}

static void check_env(const char *text, bool exact, const char *joined, bool dropped)
{
    struct arena *a = arena_new();
    struct env_list l;
    struct err e;
    struct str out = STR_INIT;
    const char *lost = NULL;
    bool extended = false;
    int r = words_env(a, text, (struct env_lex_opts){.exact = exact}, &l, &lost, &extended, &e);
    for (size_t i = 0; r == 0 && i < l.n; i++)
        str_printf(&out, "%s=%s;", l.v[i].key, l.v[i].value);
    assert_string_equal(r < 0 ? "wrong" : str_text(&out), joined);
    assert_int_equal(lost != NULL, dropped);
    str_fini(&out);
    arena_free(&a);
}

static void test_environments(void **state)
{
    (void)state;
    check_env("A=1,B=\"2,3\"", true, "A=1;B=2,3;", false);
    check_env("A=1,A=2", true, "A=2;", false);
    check_env("A=a b", true, "A=a;", true);
    check_env("A=x#y", true, "A=x;", true);
    check_env("#x\nA=1", true, "A=1;", true);
    check_env("A==x", true, "A==;", true);
    check_env("A=\xc3\xa9", true, "A=\xc3\xa9;", false);
    check_env("A='x", true, "wrong", false);
    check_env("A=", false, "wrong", false);
    check_env("A=a@b", true, "wrong", false);
    check_env("A=a@b , B='c d'", false, "A=a@b;B=c d;", false);
    check_env("A=\"say \\\"x\\\"\"", false, "A=say \"x\";", false);
    check_env("A=a@'b", false, "wrong", false);
}

static void check_format(const char *format, const char *want)
{
    struct names n;
    struct str out = STR_INIT;
    struct err e;
    names_init(&n, NULL);
    names_text(&n, "s", "t\xc3\xa9xt");
    names_number(&n, "n", 5);
    names_number(&n, "m", -37);
    int r = expand(&out, format, "f", &n, (struct expand_opts){0}, &e);
    assert_string_equal(r < 0 ? "wrong" : str_text(&out), want);
    str_fini(&out);
    names_fini(&n);
}

static void test_formats(void **state)
{
    (void)state;
    check_format("a%%b", "a%b");
    check_format("%(s)s|%(s)6s|%(s)-6s|%(s).2s|%(s)r|%(s)a",
                 "t\xc3\xa9xt|  t\xc3\xa9xt|t\xc3\xa9xt  |t\xc3\xa9|'t\xc3\xa9xt'|'t\\xe9xt'");
    check_format("%(n)d|%(n)3d|%(n)-3d|%(n)03d|%(n)+d|%(n) d|%(n).3d", "5|  5|5  |005|+5| 5|005");
    check_format("%(m)d|%(m)5d|%(m)05d|%(m)x|%(m)o|%(m)X|%(m)#x",
                 "-37|  -37|-0037|-25|-45|-25|-0x25");
    check_format("%(n)c|%(n)i|%(n)u|%(n)s|%(n)r", "\x05|5|5|5|5");
    check_format("%(n)f|%(n).1f|%(n)e|%(n)g", "5.000000|5.0|5.000000e+00|5");
    static const char *const wrong[] = {
        "%",     "%(n", "%(n)", "%(n)q",  "%(s)d",   "%(s)x",         "%(s)f",     "%(s)c",
        "%(x)s", "%s",  "%5%",  "%(n)*d", "%(n).*d", "%(n)99999999d", "%(ENV_X)s", "%(m)c"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        check_format(wrong[i], "wrong");
}

static void check_path(const char *path, const char *want)
{
    struct arena *a = arena_new();
    const struct path_env env = {.home = "/h/me/", .cwd = "/w/d"};
    assert_string_equal(path_absolute(a, &env, path_expand_user(a, &env, path)), want);
    arena_free(&a);
}

static void test_paths(void **state)
{
    (void)state;
    check_path("x", "/w/d/x");
    check_path("./a/../b//c/", "/w/d/b/c");
    check_path("../../../..", "/");
    check_path("/a/b/../../..", "/");
    check_path("//a", "//a");
    check_path("///a", "/a");
    check_path("~/x", "/h/me/x");
    char root[256];
    snprintf(root, sizeof(root), "%s/x", getpwnam("root")->pw_dir);
    check_path("~root/x", root);
    check_path("~nosuch_user/x", "/w/d/~nosuch_user/x");
    check_path("", "/w/d");
}

static void test_folders(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err e;
    const char *p;
    const struct path_env env = {.home = NULL, .cwd = "/"};
    assert_int_equal(path_in_folder(a, &env, "tmp/x", &p, &e), 0);
    assert_string_equal(p, "tmp/x");
    assert_int_equal(path_in_folder(a, &env, "x", &p, &e), 0);
    assert_int_equal(path_in_folder(a, &env, "/x", &p, &e), 0);
    assert_int_equal(path_in_folder(a, &env, "/nosuch/x", &p, &e), -1);
    assert_int_equal(path_folder(a, &env, "/tmp", &p, &e), 0);
    assert_int_equal(path_folder(a, &env, "", &p, &e), -1);
    assert_int_equal(path_folder(a, &env, "/nosuch", &p, &e), -1);
    assert_string_equal(path_dirname(a, "/a/b"), "/a");
    assert_string_equal(path_dirname(a, "/a"), "/");
    assert_string_equal(path_dirname(a, "a"), "");
    arena_free(&a);
}

static void test_users(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err e;
    struct user_val u;
    int64_t uid, gid;
    assert_int_equal(user_find(a, "root", &u, &e), 0);
    assert_int_equal(u.uid, 0);
    assert_true(u.ngroups >= 1);
    assert_int_equal(u.groups[0], 0);
    assert_int_equal(user_find(a, "0", &u, &e), 0);
    assert_int_equal(user_find(a, "nosuch_user", &u, &e), -1);
    assert_int_equal(user_find(a, "-1", &u, &e), -1);
    assert_int_equal(user_find(a, "4294967295", &u, &e), -1);
    assert_int_equal(user_group_find("root", &uid, &gid, &e), 0);
    assert_int_equal(gid, -1);
    assert_int_equal(user_group_find("root:0", &uid, &gid, &e), 0);
    assert_int_equal(gid, 0);
    assert_int_equal(user_group_find("root:", &uid, &gid, &e), -1);
    assert_int_equal(user_group_find("nosuch_user:root", &uid, &gid, &e), -1);
    assert_int_equal(unix_group_find("root", &gid, &e), 0);
    assert_int_equal(unix_group_find("nosuch_group", &gid, &e), -1);
    arena_free(&a);
}

static void test_python_text(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    const char *wide = "\xc2\xa0x\xe2\x80\x83", *b = wide, *e = wide + strlen(wide);
    py_strip(&b, &e);
    assert_int_equal(e - b, 1);
    assert_int_equal(py_chars(wide, wide + strlen(wide)), 3);
    py_repr(&s, "a'b\n\x01\xc2\xa0", false);
    assert_string_equal(str_text(&s), "\"a'b\\n\\x01\\xa0\"");
    str_clear(&s);
    py_json(&s, "a\"\\\n\x7f");
    assert_string_equal(str_text(&s), "\"a\\\"\\\\\\u000a\\u007f\"");
    str_clear(&s);
    val_print_size(&s, 3 << 20);
    assert_string_equal(str_text(&s), "3MB");
    str_fini(&s);
    assert_int_equal(py_char_len("\xe2\x80", NULL), 0);
    assert_int_equal(py_char_len(wide, wide + 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),    cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_octals),      cmocka_unit_test(test_signals),
        cmocka_unit_test(test_fractions),   cmocka_unit_test(test_words),
        cmocka_unit_test(test_addresses),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_splits),      cmocka_unit_test(test_environments),
        cmocka_unit_test(test_formats),     cmocka_unit_test(test_paths),
        cmocka_unit_test(test_folders),     cmocka_unit_test(test_users),
        cmocka_unit_test(test_python_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
