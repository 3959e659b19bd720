/* Profiles for seccomp: the JSON reader, and what is wrong with a profile. */
#include "supervisor/conf/jsonread.h"
#include "supervisor/conf/seccomp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void good_texts_are_read(void **state)
{
    (void)state;
    static const char text[] =
        " {\"a\" : [1, -2.5e+3 , \"x\\u00e4\\ud83d\\ude00\\n\\/\", null],\n"
        "\"b\":{}, \"c\":[ ], \"d\":true,\"e\":false, \"n\":null, \"f\":7}\n";
    struct arena *a = arena_new();
    unsigned line;
    uint64_t n;
    struct err e;
    const struct json *v = json_read(a, text, sizeof(text) - 1, &line, &e);
    assert_non_null(v);
    const struct json *list = json_get(v, "a");
    assert_int_equal(list->kind, JSON_LIST);
    assert_true(json_uint(list->first, &n));
    assert_int_equal(n, 1);
    assert_false(json_uint(list->first->next, &n));
    assert_string_equal(list->first->next->text, "-2.5e+3");
    assert_string_equal(list->first->next->next->text, "x\xc3\xa4\xf0\x9f\x98\x80\n/");
    assert_int_equal(list->first->next->next->next->kind, JSON_NULL);
    assert_int_equal(json_get(v, "b")->line, 2);
    assert_null(json_get(v, "b")->first);
    assert_int_equal(json_get(v, "d")->kind, JSON_TRUE);
    assert_int_equal(json_get(v, "e")->kind, JSON_FALSE);
    assert_null(json_get(v, "n"));
    assert_null(json_get(v, "none"));
    assert_null(json_get(list, "a"));
    assert_null(json_text_of(v, "f"));
    arena_free(&a);
}

static void wrong_texts_are_refused(void **state)
{
    (void)state;
    static const char value[] = "no value, where one is wanted";
    static const char string[] = "a text that does not end, or with a wrong \\ or byte in it";
    static const struct {
        const char *text, *why;
        unsigned line;
    } rows[] = {
        {"", value, 1},
        {"\n\n x", value, 3},
        {"01", value, 1},
        {"-", value, 1},
        {"1.", value, 1},
        {"1e", value, 1},
        {"nul", value, 1},
        {"[1,]", value, 1},
        {"1 2", "more text behind the value", 1},
        {"[1\n2]", "a , or a ] is wanted", 2},
        {"{\"a\":1", "a , or a } is wanted", 1},
        {"{a:1}", "a name in quotes is wanted", 1},
        {"{\"a\" 1}", "a : is wanted behind a name", 1},
        {"\"x", string, 1},
        {"\"\t\"", string, 1},
        {"\"\\x\"", string, 1},
        {"\"\\u12\"", string, 1},
        {"\"\\u0000\"", string, 1},
        {"\"\\ud800\"", string, 1},
        {"\"\\udc00\"", string, 1},
        {"\"\xff\"", string, 1},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "too many levels", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *a = arena_new();
        unsigned line;
        struct err e;
        assert_null(json_read(a, rows[i].text, strlen(rows[i].text), &line, &e));
        assert_string_equal(e.msg, rows[i].why);
        assert_int_equal(line, rows[i].line);
        arena_free(&a);
    }
    struct arena *a = arena_new();
    unsigned line;
    struct err e;
    assert_null(json_read(a, "\"a\0b\"", 5, &line, &e));
    arena_free(&a);
}

#define ALLOW "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\n"
#define RULE ALLOW "\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\","

static void wrong_profiles_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
        unsigned line;
    } rows[] = {
        {"[]", "this is no profile: an object is wanted", 1},
        {"{}", "defaultAction: it is missing", 1},
        {"{\n\"defaultAction\":\"ALLOW\"}", "ALLOW: this is no action, as SCMP_ACT_ERRNO is one",
         2},
        {"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}",
         "defaultErrnoRet: this is no errno", 1},
        {ALLOW "\"architectures\":[\"X86\"]}",
         "architectures: a text such as SCMP_ARCH_X86 is wanted", 2},
        {ALLOW "\"syscalls\":{}}", "syscalls: a list is wanted", 2},
        {ALLOW "\"syscalls\":[{\"names\":[\"mkdir\"]}]}", "action: it is missing", 2},
        {ALLOW "\"syscalls\":[{\"action\":\"SCMP_ACT_KILL\"}]}", "names: it is missing", 2},
        {ALLOW "\"syscalls\":[{\"names\":[1],\"action\":\"SCMP_ACT_KILL\"}]}",
         "names: texts are wanted", 2},
        {RULE "\"errnoRet\":\"EPERM\"}]}", "errnoRet: this is no errno", 2},
        {RULE "\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
         "args: an index from 0 to 5 and whole numbers are wanted", 2},
        {RULE "\"args\":[{\"index\":0,\"value\":1,\"op\":\"==\"}]}]}",
         "args: there is no op, as SCMP_CMP_EQ is one", 2},
        {RULE "\"args\":[{},{},{},{},{},{},{}]}]}",
         "args: an index from 0 to 5 and whole numbers are wanted", 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *a = arena_new();
        struct str unknown = STR_INIT;
        struct seccomp_request rq = {rows[i].text, strlen(rows[i].text), 0};
        struct seccomp_filter f;
        unsigned line;
        struct err e;
        assert_int_equal(seccomp_compile(a, &rq, &f, &unknown, &line, &e), -1);
        assert_string_equal(e.msg, rows[i].why);
        assert_int_equal(line, rows[i].line);
        str_fini(&unknown);
        arena_free(&a);
    }
}

/* The same one each time: a reload sees no difference. */
static void a_profile_becomes_a_filter(void **state)
{
    (void)state;
    static const char text[] = ALLOW "\"syscalls\":[{\"name\":\"mkdirat\",\"action\":"
                                     "\"SCMP_ACT_ERRNO\"},{\"names\":[\"no_such\",\"nor_this\"],"
                                     "\"action\":\"SCMP_ACT_KILL\"}]}";
    struct seccomp_request rq = {text, sizeof(text) - 1, 0};
    struct seccomp_filter f[2];
    struct arena *a = arena_new();
    for (int i = 0; i < 2; i++) {
        struct str unknown = STR_INIT;
        unsigned line;
        struct err e;
        assert_int_equal(seccomp_compile(a, &rq, &f[i], &unknown, &line, &e), 0);
        assert_string_equal(str_text(&unknown), "no_such, nor_this");
        str_fini(&unknown);
    }
    assert_in_range(f[0].n, 4, 64);
    assert_int_equal(f[0].n, f[1].n);
    assert_memory_equal(f[0].code, f[1].code, f[0].n * 8);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_read),
        cmocka_unit_test(wrong_texts_are_refused),
        cmocka_unit_test(wrong_profiles_are_refused),
        cmocka_unit_test(a_profile_becomes_a_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
