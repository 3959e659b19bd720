/* [supervisorctl] as supervisorctl reads it. */
#include "supervisor/conf/ctlconf.h"
#include "tests/unit/conf_text.h"

static struct ctlconf read_text(const char *text)
{
    struct ctlconf c;
    struct err e = {0};
    struct conf_request rq = text_request(text, strlen(text));
    int r = ctlconf_read(&rq, &c, &e);
    assert_string_equal(e.msg, "");
    assert_int_equal(r, 0);
    return c;
}

static void an_empty_section_has_defaults(void **state)
{
    (void)state;
    struct ctlconf c = read_text("[supervisorctl]\n");
    assert_string_equal(c.serverurl, "http://localhost:9001");
    assert_string_equal(c.prompt, "supervisor");
    assert_true(!c.username && !c.password && !c.history_file);
    ctlconf_fini(&c);
}

static void values_are_expanded(void **state)
{
    (void)state;
    struct ctlconf c =
        read_text("[program:x]\nnonsense=%(nowhere)s\n"
                  "[include]\nfiles=*\n"
                  "[supervisorctl]\nserverurl=unix://~/a/../%(ENV_N)s.sock ; here\n"
                  "username=me\npassword=a%%b\nprompt=p\nhistory_file=%(here)shist\n");
    assert_string_equal(c.serverurl, "unix:///root"
                                     "/4.sock");
    assert_string_equal(c.username, "me");
    assert_string_equal(c.password, "a%b");
    assert_string_equal(c.prompt, "p");
    assert_string_equal(c.history_file, "/hist");
    ctlconf_fini(&c);
}

static void defaults_of_the_file_count(void **state)
{
    (void)state;
    struct ctlconf c = read_text("[DEFAULT]\nusername=all\n[supervisorctl]\nhistory_file=\n"
                                 "serverurl=unix:////tmp/s\n");
    assert_string_equal(c.username, "all");
    assert_string_equal(c.serverurl, "unix:////tmp/s");
    assert_null(c.history_file);
    ctlconf_fini(&c);
}

static void fails(const char *text, const char *with)
{
    struct ctlconf c;
    struct err e = {0};
    struct conf_request rq = text_request(text, strlen(text));
    assert_int_equal(ctlconf_read(&rq, &c, &e), -1);
    assert_non_null(strstr(e.msg, with));
    ctlconf_fini(&c);
    ctlconf_fini(&c);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    fails("[supervisord]\n", ".ini file does not include supervisorctl section");
    fails("[supervisorctl]\nserverurl=%(ENV_NO)s\n", "'supervisorctl.serverurl' contains names");
    fails("[supervisorctl]\nnonsense\n", "/t.conf:2");
    fails("", ".ini file does not include supervisorctl section");
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct ctlconf c;
    struct err e = {0};
    struct conf_request rq = {.path = "/no/such/file", .cwd = "/", .environ = text_environ};
    assert_int_equal(ctlconf_read(&rq, &c, &e), -1);
    assert_non_null(strstr(e.msg, "could not find config file /no/such/file"));
    ctlconf_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_section_has_defaults),
        cmocka_unit_test(values_are_expanded),
        cmocka_unit_test(defaults_of_the_file_count),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
