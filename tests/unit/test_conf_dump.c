/* The printed forms: what a value looks like in the canonical text and in the JSON, and where the
 * JSON's view (Supervisor's) parts from ours. */
#include "supervisor/conf/show.h"
#include "tests/unit/conf_text.h"

#include <stdlib.h>

static char odd_env[] = "ODD=a ;b #c", home_env[] = "HOME=/h", pct_env[] = "PCT=50%";
static char *const odd_environ[] = {odd_env, home_env, pct_env, NULL};

static char *dump_of(const char *text)
{
    struct str out = STR_INIT;
    struct conf_request rq = text_request(text, strlen(text));
    rq.environ = odd_environ;
    struct conf *c = conf_load(&rq);
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    conf_dump_text(c, &out);
    conf_free(&c);
    return str_take(&out);
}

static void expect_line(const char *option, const char *shown)
{
    char text[1024], want[1024];
    snprintf(text, sizeof(text), "[supervisord]\n[program:x]\n%s%s\n",
             strncmp(option, "command", 7) == 0 ? "" : "command=c\n", option);
    snprintf(want, sizeof(want), "\n%s\n", shown);
    char *dump = dump_of(text);
    if (!strstr(dump, want))
        fail_msg("no '%s' for '%s' in\n%s", shown, option, dump);
    free(dump);
}

static void test_lines(void **state)
{
    (void)state;
    expect_line("autostart = YES", "autostart=true");
    expect_line("startsecs= +0_3", "startsecs=3");
    expect_line("stdout_logfile_maxbytes=52428800", "stdout_logfile_maxbytes=50MB");
    expect_line("stdout_logfile_maxbytes=1000", "stdout_logfile_maxbytes=1000");
    expect_line("stdout_logfile_maxbytes=-1KB", "stdout_logfile_maxbytes=-1KB");
    expect_line("umask=22", "umask=022");
    expect_line("stopsignal=SIGint", "stopsignal=INT");
    expect_line("stopsignal=0", "stopsignal=0");
    expect_line("stopsignal=RTMIN", "stopsignal=34");
    expect_line("exitcodes= 2, 0", "exitcodes=2,0");
    expect_line("autorestart=1", "autorestart=true");
    expect_line("autorestart=Unexpected", "autorestart=unexpected");
    expect_line("killasgroup=on", "killasgroup=true");
    expect_line("stopasgroup=on", ";killasgroup= (as stopasgroup)");
    expect_line("user=0", "user=0");
    expect_line("user=4294967294", "user=4294967294"); /* which no passwd file has */
    expect_line("backoff=90", "backoff=1m30s");
    expect_line("backoff_jitter=10", "backoff_jitter=10%");
    expect_line("backoff_factor=2", "backoff_factor=2");
    expect_line("on_fatal=RETRY:60s", "on_fatal=retry:1m");
    expect_line("stdin=NULL", "stdin=null");
    expect_line("stopsignals=TERM:1s,KILL", "stopsignals=TERM:1s,KILL");
    expect_line("stopsignals=SIGRTMIN+3:1s,64", "stopsignals=SIGRTMIN+3:1s,64");
    expect_line("stdout_logfile=/dev/fd/1", "stdout_logfile=/dev/fd/1");
    expect_line("limit_nofile=1024:unlimited  OPTIONAL", "limit_nofile=1024:unlimited  OPTIONAL");
    expect_line("nice= +5 Optional", "nice=5 optional");
    expect_line("cpu_affinity=0,2-3", "cpu_affinity=0,2-3");
    expect_line("nice=1", ";oom_score_adj= (inherited)");
    expect_line("autostart=1", ";nice= (inherited)");
    expect_line("command=%(ENV_HOME)s/%(program_name)s 100%%", "command=/h/x 100%%");
    expect_line("command=a %(ENV_PCT)s", "command=a 50%%");
    expect_line("command=a %(process_num)02d %(numprocs)d", "command=a %(process_num)02d 1");
    expect_line("command=a\n  b\n\n  c", "command=a\n  b\n\n  c");
    expect_line("command=a;b ;c #d", "command=a;b ;c #");
    expect_line("command=;a", "command=;a");
    /* what cannot be written down stays as it was */
    expect_line("command=%(ENV_ODD)s", "command=%(ENV_ODD)s");
    expect_line("environment=A=\"%(ENV_ODD)s\"", "environment=A=\"%(ENV_ODD)s\"");
    expect_line("directory=/tmp\nenvironment=A=1\nstdout_logfile=/tmp/%(ENV_A)s",
                "stdout_logfile=/tmp/%(ENV_A)s");
}

static void test_unset_is_a_comment(void **state)
{
    (void)state;
    char *dump = dump_of("[supervisord]\n[program:x]\ncommand=c\n");
    assert_non_null(strstr(dump, "\n;user= (as supd runs)\n"));
    assert_non_null(strstr(dump, "\n;backoff_factor= (linear)\n"));
    assert_non_null(strstr(dump, "\n[supd]\n;socket= ("));
    assert_null(strstr(dump, "[agent]"));
    free(dump);
}

/* each of these runs here, and is refused by Supervisor: the JSON says so */
static const char *const only_ours[] = {
    "\xef\xbb\xbf[supervisord]\n",
    "[supervisord]\n[program:x]\ncommand=c\nstdout_logfile=/tmp/a%%b.log\n",
    "[supervisord]\n[program:x]\ncommand=c\nenvironment=A=foo@bar\n",
    "[supervisord]\nenvironment=A=\"50%%\"\n",
    "[supervisord]\nenvironment=A=\"%(host_node_name)s\"\n",
    "[supervisord]\n[rpcinterface:x]\nsupervisor.rpcinterface_factory=some:plugin\n",
    ("[supervisord]\n[eventlistener:x]\ncommand=c\nevents=EVENT\n"
     "result_handler=supervisor_stdout:event_handler\n"),
    "[supervisord]\nidentifier=\xff\n",
};

static void test_only_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(only_ours) / sizeof(only_ours[0]); i++) {
        struct str out = STR_INIT, err = STR_INIT;
        struct conf_request rq = text_request(only_ours[i], strlen(only_ours[i]));
        assert_int_equal(conf_show(&rq, CONF_CHECK, &out, &err), 0);
        assert_int_equal(err.len, 0);
        str_clear(&out);
        assert_int_equal(conf_show(&rq, CONF_DUMP_JSON, &out, &err), 2);
        assert_non_null(strstr(str_text(&out), "\"ok\": false"));
        assert_int_equal(strncmp(str_text(&err), "Error: ", 7), 0);
        str_fini(&out);
        str_fini(&err);
    }
}

static void test_json_of_servers(void **state)
{
    (void)state;
    struct str out = STR_INIT, err = STR_INIT;
    const char *text = "[supervisord]\n[unix_http_server:a]\nfile=/run/x\nchown=root:root\n"
                       "[inet_http_server]\nport=H:1\nusername=u\npassword=p\n"
                       "[eventlistener:e]\ncommand=e\nevents=TICK_5\n"
                       "[fcgi-program:f]\ncommand=f\nsocket=tcp://h:1\nenvironment=A=1,B=2\n";
    static const char *const parts[] = {
        "\"family\": 2,\n\"section\": \"inet_http_server\",\n\"username\": \"u\",\n\"password\": "
        "\"p\"",
        "\"host\": \"h\",\n\"port\": 1",
        "\"name\": \"a\",\n\"family\": 1",
        "\"file\": \"/run/x\",\n\"chown\": [0, 0],\n\"chmod\": 448",
        "\"serverurl\": \"unix:///run/x\"",
        "\"events\": [\n\"TICK_5\"]",
        "\"socket\": \"tcp://h:1\"",
        "\"environment\": {\n\"A\": \"1\",\n\"B\": \"2\"}",
    };
    struct conf_request rq = text_request(text, strlen(text));
    assert_int_equal(conf_show(&rq, CONF_DUMP_JSON, &out, &err), 0);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!strstr(str_text(&out), parts[i]))
            fail_msg("no %s in\n%s", parts[i], str_text(&out));
    }
    str_fini(&out);
    str_fini(&err);
}

/* both spellings of a percent sign in a log path */
static void test_log_percent(void **state)
{
    (void)state;
    const char *const spelt[] = {"/tmp/a%%b", "/tmp/a%%%%b"};
    for (int i = 0; i < 2; i++) {
        char text[256];
        snprintf(text, sizeof(text), "[supervisord]\n[program:x]\ncommand=c\nstdout_logfile=%s\n",
                 spelt[i]);
        const struct gen *g = gen_of(text);
        struct str path = STR_INIT;
        gen_log_path(g, gen_procs(g), 0, &path);
        assert_string_equal(str_text(&path), "/tmp/a%b");
        str_fini(&path);
        gen_close(&g);
    }
}

static void test_check(void **state)
{
    (void)state;
    struct str out = STR_INIT, err = STR_INIT;
    const char *text = "[supervisord]\n[program:x]\ncommand=c\nfoo=1\nstdout_logfile=syslog\n";
    struct conf_request rq = text_request(text, strlen(text));
    assert_int_equal(conf_show(&rq, CONF_CHECK, &out, &err), 0);
    assert_string_equal(str_text(&out),
                        "warning: /t.conf:5: For [program:x], stdout_logfile=syslog but this is "
                        "deprecated and will be removed.  Use stdout_syslog=true to enable syslog "
                        "instead.\n"
                        "note: /t.conf:4: [program:x] has no option 'foo', it is ignored\n"
                        "the configuration is good: 1 warning, 1 note\n");
    assert_int_equal(err.len, 0);
    str_clear(&out);
    rq.text = "[supervisord]\nnodaemon=x\nsilent=y\n";
    rq.text_len = strlen(rq.text);
    assert_int_equal(conf_show(&rq, CONF_CHECK, &out, &err), 2);
    assert_string_equal(
        str_text(&err),
        "Error: /t.conf:2: supervisord.nodaemon: not a valid boolean value: 'x' (use "
        "true or false)\n"
        "Error: /t.conf:3: supervisord.silent: not a valid boolean value: 'y' (use "
        "true or false)\n");
    str_fini(&out);
    str_fini(&err);
}

/* every row is in the manual page and in the list of names, with words of help */
static void test_rows(void **state)
{
    (void)state;
    struct str man = STR_INIT, names = STR_INIT;
    conf_print_man_rows(&man);
    conf_print_option_names(&names);
    int n = 0;
    char *list = str_take(&names);
    for (char *line = list, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        char want[128];
        *end = '\0';
        snprintf(want, sizeof(want), ".It Ic %s Ns =", strchr(line, ' ') + 1);
        assert_non_null(strstr(str_text(&man), want));
    }
    assert_true(n > 150);
    assert_null(strstr(str_text(&man), "(null)"));
    assert_null(strstr(str_text(&man), "\n\n"));
    free(list);
    str_fini(&man);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_unset_is_a_comment),
        cmocka_unit_test(test_only_ours),   cmocka_unit_test(test_json_of_servers),
        cmocka_unit_test(test_log_percent), cmocka_unit_test(test_check),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
