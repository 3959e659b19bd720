/* The messages of a bad configuration: each with its file and line, all of them in one run. */
#include "supervisor/conf/load.h"
#include "tests/unit/conf_text.h"

/* a text and the messages it has to give, in order */
struct bad {
    const char *text;
    const char *errors[7];
};

static const struct bad table[] = {
    {"x=1\n",
     {"t.conf:1: File contains no section headers: 'x=1' stands before the first [section]"}},
    {"[supervisord]\n[program:x]\ncommand=a\nautostart\n",
     {"t.conf:4: no '=' or ':' in this line: 'autostart' (a key needs a value; to continue the "
      "value above, indent the line deeper than its key)"}},
    /* the rest is judged as if the line were right */
    {"[supervisord]\nminfds\n[program:x]\nCommand /bin/x\nautostart=maybe\n[notify:n]\nurl x\n",
     {"t.conf:2: no '=' or ':' in this line: 'minfds' (a key needs a value; to continue the value "
      "above, indent the line deeper than its key)",
      "t.conf:4: no '=' or ':' in this line: 'Command /bin/x' (a key needs a value; to continue "
      "the "
      "value above, indent the line deeper than its key)",
      "t.conf:5: program:x.autostart: not a valid boolean value: 'maybe' (use true or false)",
      "t.conf:6: [notify:n] needs type=, one of webhook, slack, pagerduty, alertmanager, smtp, "
      "command, log",
      "t.conf:7: no '=' or ':' in this line: 'url x' (a key needs a value; to continue the value "
      "above, indent the line deeper than its key)"}},
    /* unless a header may be lost */
    {"[supervisord]\n[program:x]\nautostart=maybe\n[group\nprograms=x\n",
     {"t.conf:4: no '=' or ':' in this line: '[group' (a key needs a value; to continue the value "
      "above, indent the line deeper than its key)"}},
    /* a section that is read for two groups has its errors once */
    {"[supervisord]\n[program:x]\ncommand=a\nautostart=a\nstartsecs=b\nuser=nosuch_user\n"
     "[group:g]\nprograms=x\n[group:h]\nprograms=x\n",
     {"t.conf:4: program:x.autostart: not a valid boolean value: 'a' (use true or false)",
      "t.conf:5: program:x.startsecs: invalid literal for int() with base 10: 'b' (a whole number "
      "without a unit is wanted)",
      "t.conf:6: program:x.user: Invalid user name nosuch_user (no such user in passwd)"}},
    {"[program:x]\ncommand=a\n",
     {"t.conf: .ini file does not include supervisord section (add [supervisord])"}},
    {"[supervisord]\n[program:x]\ncommand=a\nautostart=maybe\nstartsecs=10s\n\n; "
     "c\nstopsignal=FOO\n",
     {"t.conf:4: program:x.autostart: not a valid boolean value: 'maybe' (use true or false)",
      "t.conf:5: program:x.startsecs: invalid literal for int() with base 10: '10s' (a whole "
      "number "
      "without a unit is wanted)",
      "t.conf:8: program:x.stopsignal: value 'FOO' is not a valid signal name (as in TERM, QUIT, "
      "USR1)"}},
    {"[supervisord]\nlogfile_maxbytes=1.5MB\n[program:x]\n[program:y]\ncommand=a\numask=9\n",
     {"t.conf:2: supervisord.logfile_maxbytes: invalid literal for int() with base 10: '1.5' (a "
      "whole number of bytes, KB, MB or GB is wanted)",
      "t.conf:3: program section program:x does not specify a command (add command=)",
      "t.conf:6: program:y.umask: 9 can not be converted to an octal type (use digits 0 to 7, as "
      "in "
      "022)"}},
    {"[supervisord]\n[program:x]\ncommand=date +%Y\n",
     {"t.conf:3: Format string 'date +%Y' for 'program:x.command' is badly formatted: unsupported "
      "format character 'Y' (0x59) at index 7 (write %% for a percent sign)"}},
    {"[supervisord]\n[program:x]\ncommand=a %(program_name)\n[program:y]\n"
     "command=a %(group_name)/b\n[program:z]\ncommand=a %(here\n",
     {"t.conf:3: Format string 'a %(program_name)' for 'program:x.command' is badly formatted: "
      "incomplete format (write %(program_name)s, with a letter behind the name)",
      "t.conf:5: Format string 'a %(group_name)/b' for 'program:y.command' is badly formatted: "
      "unsupported format character '/' (0x2f) at index 15 (write %(group_name)s, with a letter "
      "behind the name)",
      "t.conf:7: Format string 'a %(here' for 'program:z.command' is badly formatted: incomplete "
      "format key (no ')' behind the name)"}},
    {"[supervisord]\n[program:x]\ncommand=a\n  %(ENV_NOPE)s\n",
     {"t.conf:3: Format string 'a\\n%(ENV_NOPE)s' for 'program:x.command' contains names "
      "('ENV_NOPE') which cannot be expanded: the environment variable NOPE is not set"}},
    {"[supervisord]\n[program:x]\ncommand=a\nlimit_nofile=9:8\nnice=20\nionice=idle:3\n"
     "cpu_affinity=3-1\ncapabilities=fly\nlimit_core=-1\n",
     {"t.conf:4: program:x.limit_nofile: the soft limit 9 is above the hard one, 8",
      "t.conf:5: program:x.nice: 20 is not between -20 and 19",
      "t.conf:6: program:x.ionice: idle has no levels",
      "t.conf:7: program:x.cpu_affinity: '3-1' is no CPU from 0 to 1023, and no range such as 0-3",
      "t.conf:8: program:x.capabilities: 'fly' is no capability of capabilities(7)",
      "t.conf:9: program:x.limit_core: '-1' is below 0"}},
    {"[supervisord]\n[program:x]\ncommand=a\nlimit_cpu=1s:x\nionice=high optional\n"
     "cpu_affinity= optional\ncapabilities=\nambient_capabilities=kill\n",
     {"t.conf:4: program:x.limit_cpu: not a valid duration: 'x' (write 90s, 1h30m or 250ms)",
      "t.conf:5: program:x.ionice: 'high' is not one of idle, best-effort[:0-7], realtime[:0-7], "
      "none",
      "t.conf:6: program:x.cpu_affinity: 'optional' is no CPU from 0 to 1023, and no range such as "
      "0-3",
      "t.conf:7: program:x.capabilities: it names no capability; write none, or names such as "
      "net_bind_service,chown"}},
    {"[supervisord]\n[program:x]\ncommand=a\nmemory_high=3MB\nmemory_max=2MB optional\n",
     {"t.conf:4: program:x.memory_high: it is above memory_max, so it would never be reached"}},
    {"[supervisord]\n[program:x]\ncommand=a\nread_write_paths=/a optional\nprivate_tmp=perhaps\n",
     {"t.conf:4: program:x.read_write_paths: there is no read_only_paths= to except them from",
      "t.conf:4: program:x.read_write_paths: write optional behind read_only_paths",
      "t.conf:5: program:x.private_tmp: not a valid boolean value: 'perhaps' (use true or false)"}},
    {"[supervisord]\n[program:x]\ncommand=a\nread_only_paths=/a,-\n",
     {"t.conf:4: program:x.read_only_paths: there is no path behind the -"}},
    {"[supervisord]\n[program:x]\ncommand=a\nseccomp=/nosuch/p.json optional\n",
     {"t.conf:4: program:x.seccomp: cannot read /nosuch/p.json: No such file or directory"}},
    {"[supervisord]\n[program:x]\ncommand=a\nseccomp=/\n",
     {"t.conf:4: program:x.seccomp: cannot read /: Is a directory"}},
    {"[supervisord]\n[program:x]\ncommand=a\nseccomp=/proc/version\n",
     {"t.conf:4: program:x.seccomp: /proc/version:1: no value, where one is wanted"}},
    {"[supervisord]\n[program:x]\ncommand=a\nmemory_high=0\nmemory_max=much\n",
     {"t.conf:4: program:x.memory_high: '0' is not above 0",
      "t.conf:5: program:x.memory_max: invalid literal for int() with base 10: 'much' (a whole "
      "number of bytes, KB, MB or GB is wanted)"}},
    {"[supervisord]\n[program:x]\ncommand=a\nenv_pass=A\nset_home=yes\nenv_file=/nosuch\n",
     {"t.conf:4: program:x.env_pass: has no effect without env_clear=true: everything is passed",
      "t.conf:5: program:x.set_home: there is no user= whose home it is",
      "t.conf:6: program:x.env_file: cannot read /nosuch: No such file or directory"}},
    {"[supervisord]\n[program:x]\ncommand=a\ncapabilities=chown\nambient_capabilities=kill\n",
     {"t.conf:5: program:x.ambient_capabilities: capabilities= has to name each of them, too"}},
    {"[supervisord]\n[program:x]\ncommand=printf %s\n",
     {"t.conf:3: Format string 'printf %s' for 'program:x.command' is badly formatted: a "
      "conversion "
      "without a (name); write %% for a percent sign"}},
    {"[supervisord]\n[program:x]\ncommand=a\nnumprocs=2\n",
     {"t.conf:2: program:x: %(process_num) must be present within process_name when numprocs > 1 "
      "(add process_name=%(program_name)s_%(process_num)02d)"}},
    {"[supervisord]\n[program:x]\ncommand=a\nenvironment=A=1 B=2\n",
     {"t.conf:4: program:x.environment: Unexpected end of key/value pairs in value 'A=1 B=2' "
      "(write "
      "KEY=\"value\",KEY2=\"value 2\")"}},
    {"[supervisord]\n[program:x]\ncommand=a\nuser=nosuch_user\nstdout_logfile=/nosuch/x.log\n",
     {"t.conf:4: program:x.user: Invalid user name nosuch_user (no such user in passwd)",
      "t.conf:5: program:x.stdout_logfile: The directory named as part of the path /nosuch/x.log "
      "does not exist (create /nosuch, or name another path)"}},
    {"[supervisord]\n[program:x]\ncommand=a\nstdout_logfile=/nosuch/x.log\n",
     {"t.conf:4: program:x.stdout_logfile: The directory named as part of the path /nosuch/x.log "
      "does not exist (create /nosuch, or name another path)"}},
    {"[supervisord]\n[group:g]\nprograms=a,b\n[program:a]\ncommand=a\n",
     {"t.conf:3: [group:g] names unknown program or fcgi-program b (there is no [program:b] "
      "section)"}},
    {"[supervisord]\n[eventlistener:e]\ncommand=e\nevents=TICK_7\n",
     {"t.conf:4: Unknown event type TICK_7 in [eventlistener:e] events"}},
    {"[supervisord]\n[inet_http_server]\n[unix_http_server:a]\nfile=/x\nchmod=9\n",
     {"t.conf:2: section [inet_http_server] has no port value (add port=127.0.0.1:9001)",
      "t.conf:5: unix_http_server:a.chmod: 9 can not be converted to an octal type (use digits 0 "
      "to "
      "7, as in 022)"}},
    {"[supervisord]\n[rpcinterface:a]\nk=%(nope)s\n",
     {"t.conf:2: section [rpcinterface:a] does not specify a supervisor.rpcinterface_factory (add "
      "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface)",
      "t.conf:3: Format string '%(nope)s' for 'rpcinterface:a.k' contains names ('nope') which "
      "cannot "
      "be expanded. Available names: ENV_<variable>"}},
    {"[supervisord]\n[fcgi-program:a]\ncommand=a\nsocket=unix://x\n[fcgi-program:b]\ncommand=b\n"
     "[fcgi-program:c]\ncommand=c\nsocket=tcp://h:0\n[fcgi-program:d]\ncommand=d\nsocket=http://x\n"
     "[fcgi-program:e]\ncommand=e\nsocket=tcp://"
     "h:1\nsocket_mode=0700\n[fcgi-program:f]\ncommand=f\n"
     "socket=tcp://h\n",
     {"t.conf:4: Unix socket path x is not an absolute path (unix:///path has three slashes) in "
      "[fcgi-program:a] socket",
      "t.conf:5: [fcgi-program:b] section requires a \"socket\" line (as in "
      "socket=unix:///run/app.sock)",
      "t.conf:9: port 0 is not between 1 and 65535 in [fcgi-program:c] socket",
      "t.conf:12: Bad socket format http://x (unix:///path or tcp://host:port) in [fcgi-program:d] "
      "socket",
      "t.conf:15: socket_owner and socket_mode params should only be used with a Unix domain "
      "socket "
      "in [fcgi-program:e] socket",
      "t.conf:19: Bad socket format tcp://h (unix:///path or tcp://host:port) in [fcgi-program:f] "
      "socket"}},
    {"[supervisord]\n[unix_http_server]\nusername=u\n",
     {"t.conf:2: Section [unix_http_server] contains incomplete authentication: If a username or a "
      "password is specified, both the username and password must be specified",
      "t.conf:2: section [unix_http_server] has no file value (add file=/run/supervisor.sock)"}},
    {"[supervisord]\n[program:x]\ncommand=a\nstopasgroup=true\nkillasgroup=false\n",
     {"t.conf:5: program:x: Cannot set stopasgroup=true and killasgroup=false"}},
    {"[supervisord]\n[program:a b]\ncommand=a\n",
     {"t.conf:2: [program:a b]: Invalid name: 'a b' because of character: ' '"}},
    {"[supervisord]\n[program:x]\ncommand=a\nnumprocs=99999999999999999999\n",
     {"t.conf:4: program:x.numprocs: 99999999999999999999 is too large"}},
    {"[supervisord]\n[program:x]\ncommand=a\nnumprocs=1000000\nprocess_name=%(process_num)d\n",
     {"t.conf:4: program:x.numprocs: 1000000 is more than 100000"}},
    /* ours */
    {"[supervisord]\n[supd]\nlog_memry=1MB\n",
     {"t.conf:3: [supd] has no option 'log_memry'; did you mean log_memory?"}},
    {"[supervisord]\n[spud]\nsocket=/x\n",
     {"t.conf:2: unknown section [spud]; did you mean [supd]?"}},
    {"[supervisord]\n[probes:web]\n",
     {"t.conf:2: unknown section [probes:web]; did you mean [probe:web]?"}},
    {"[supervisord]\n[job]\n", {"t.conf:2: [job] needs a name, as in [job:NAME]"}},
    {"[supervisord]\n[supd:x]\n", {"t.conf:2: [supd:x]: write [supd], it has no name"}},
    {"[supervisord]\n[job:web]\n",
     {"t.conf:2: [job:web]: this version of supd has no [job:...] sections yet; remove the "
      "section"}},
    {"[supervisord]\n[supd]\nlog_memory=1KB\nshutdown_timeout=soon\norphans=eat\n",
     {"t.conf:3: supd.log_memory: 1024 is not between 65536 and 1099511627776",
      "t.conf:4: supd.shutdown_timeout: not a valid duration: 'soon' (write 90s, 1h30m or 250ms)",
      "t.conf:5: supd.orphans: 'eat' is not one of keep, kill, report"}},
    {"[supervisord]\n[program:x]\ncommand=a\nretry_window=1m\nstartretries=128\n",
     {"t.conf:5: program:x.startretries: 128 is not between 0 and 127, the most that retry_window "
      "can "
      "watch"}},
    {"[supervisord]\n[program:x]\ncommand=a\non_fatal=retry\nstopsignals=TERM,KILL\n"
     "backoff_jitter=110%\nbackoff_factor=0.5\n",
     {"t.conf:4: program:x.on_fatal: 'retry' is not one of nothing, exit, retry:DURATION",
      "t.conf:5: program:x.stopsignals: TERM has no wait; write TERM:10s",
      "t.conf:6: program:x.backoff_jitter: '110%' is not a percentage between 0% and 100%",
      "t.conf:7: program:x.backoff_factor: '0.5' is not a factor between 1 and 1000"}},
    {"[supervisord]\n[program:x]\ncommand=a\nnumprocs=2\nprocess_name=x%(process_num)d\n"
     "hook_exit='a\nstop_command= \nreload_signal=FOO\nhook_timeout=0\n",
     {"t.conf:6: program:x.hook_exit: can't parse command ''a': No closing quotation",
      "t.conf:7: program:x.stop_command: is empty",
      "t.conf:8: program:x.reload_signal: value 'FOO' is not a valid signal name (as in TERM, "
      "QUIT, "
      "USR1)",
      "t.conf:9: program:x.hook_timeout: 0 (without a unit: seconds) is not between 1ms and "
      "52w1d"}},
    {"[supervisord]\n[program:x]\ncommand=a\nreload_command=b\nreload_signal=HUP\n",
     {"t.conf:5: program:x.reload_signal: reload_command is there, too, and only one of them can "
      "be "
      "what `supctl reload` does"}},
    {"[supervisord]\n[program:x]\ncommand=a\nbackoff=10s\nbackoff_max=5s\n",
     {"t.conf:5: program:x.backoff_max: is shorter than backoff"}},
    {"[supervisord]\n[agent]\ngroups=nosuch_group\n",
     {"t.conf:3: agent.groups: Invalid group name nosuch_group (no such group)"}},
};

static void test_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct conf *c = load_text(table[i].text);
        size_t n = 0;
        while (n < 7 && table[i].errors[n])
            n++;
        for (size_t j = 0; j < conf_nerrors(c); j++) {
            if (j >= n)
                fail_msg("one more error: %s", conf_error(c, j));
            assert_string_equal(strip_root(conf_error(c, j)), table[i].errors[j]);
        }
        assert_int_equal(conf_nerrors(c), n);
        conf_free(&c);
    }
}

static void test_notes(void **state)
{
    (void)state;
    struct conf *c =
        load_text("[supervisord]\n[program:x]\ncommand=a\nautorestrat=true\nzzzzzzzzz=1\n"
                  "[progam:y]\ncommand=b\n[foo]\nx=1\n[foo:x]\ny=1\n");
    assert_int_equal(conf_nerrors(c), 0);
    assert_int_equal(conf_nnotes(c), 5);
    assert_string_equal(strip_root(conf_note(c, 0)),
                        "t.conf:4: [program:x] has no option 'autorestrat', it is ignored; did you "
                        "mean autorestart?");
    assert_string_equal(strip_root(conf_note(c, 1)),
                        "t.conf:5: [program:x] has no option 'zzzzzzzzz', it is ignored");
    assert_string_equal(
        strip_root(conf_note(c, 2)),
        "t.conf:6: unknown section [progam:y] is ignored; did you mean [program:y]?");
    assert_string_equal(strip_root(conf_note(c, 3)), "t.conf:8: unknown section [foo] is ignored");
    conf_free(&c);
}

/* what only supervisorctl reads does not stop a start */
static void test_ctl(void **state)
{
    (void)state;
    struct conf *c =
        load_text("[supervisord]\n[supervisorctl]\nserverurl=%\nprompt=x\n[ctlplugin:a]\nb=%\n");
    assert_int_equal(conf_nerrors(c), 0);
    assert_int_equal(conf_nnotes(c), 1);
    assert_string_equal(
        strip_root(conf_note(c, 0)),
        "t.conf:3: Format string '%' for 'supervisorctl.serverurl' is badly formatted: "
        "incomplete format (write %% for a percent sign)");
    conf_free(&c);
}

static void expect_warning(const char *text, const char *part)
{
    struct conf *c = load_text(text);
    bool found = false;
    assert_int_equal(conf_nerrors(c), 0);
    for (size_t i = 0; i < conf_nwarnings(c); i++)
        found |= strstr(conf_warning(c, i), part) != NULL;
    if (!found)
        fail_msg("no warning with '%s' for:\n%s", part, text);
    conf_free(&c);
}

static void test_warnings(void **state)
{
    (void)state;
    expect_warning(
        "[supervisord]\n[program:x]\ncommand=sh -c \"a ; b\"\n",
        "t.conf:3: program:x.command: can't parse command 'sh -c \"a': No closing quotation");
    expect_warning("[supervisord]\n[program:x]\ncommand=a \\\n  --b\n",
                   "a backslash before the end of a line");
    expect_warning("[supervisord]\n[program:x]\ncommand=a\nenvironment=A=a b\n",
                   "t.conf:4: program:x.environment");
    expect_warning("[supervisord]\n[program:x]\ncommand=a\nstdout_logfile_maxbytes=0\n",
                   "For [program:x], AUTO logging used for stdout_logfile without rollover");
    expect_warning("[supervisord]\n[program:x]\ncommand=a\nstdout_logfile=syslog\n",
                   "stdout_logfile=syslog but this is deprecated");
    expect_warning("[supervisord]\n[program:x]\ncommand=a\n[group:x]\n",
                   "has the same group name 'x'");
    expect_warning(
        "[supervisord]\n[program:x]\ncommand=a\nnumprocs=2\nprocess_name=p%(process_num).0s\n",
        "group 'x' has several processes named 'p'");
    expect_warning("[supervisord]\n[rpcinterface:t]\nsupervisor.rpcinterface_factory=a:b\n",
                   "is a plugin for Python, which is ignored here");
    expect_warning("[supervisord]\n[program:x\ncommand=a\n",
                   "t.conf:2: '[program:x' is no section without a ']' at its end");
}

static void test_slow_stop(void **state)
{
    (void)state;
    struct conf *c = load_text("[supervisord]\n[program:x]\ncommand=a\n[program:y]\ncommand=b\n"
                               "stopwaitsecs=3600\n");
    assert_int_equal(conf_nnotes(c), 1);
    assert_string_equal(
        strip_root(conf_note(c, 0)),
        "t.conf:4: program:y may take 3600 s to stop; a container runtime kills after "
        "10 s unless it is told otherwise");
    conf_free(&c);
}

static void test_no_file(void **state)
{
    (void)state;
    struct conf_request rq = {.path = "/nosuch/supervisord.conf", .cwd = "/"};
    struct conf *c = conf_load(&rq);
    assert_int_equal(conf_nerrors(c), 1);
    assert_string_equal(conf_error(c, 0), "could not find config file /nosuch/supervisord.conf: No "
                                          "such file or directory");
    conf_free(&c);
}

static void test_what_is_no_text(void **state)
{
    (void)state;
    const char nul[] = "[supervisord]\n; a\n\0x\n";
    struct conf *c = load_bytes(nul, sizeof(nul) - 1, false);
    assert_int_equal(conf_nerrors(c), 1);
    assert_string_equal(strip_root(conf_error(c, 0)),
                        "t.conf:3: holds a NUL byte: this is not a text file");
    conf_free(&c);
    c = load_text("\xef\xbb\xbf[supervisord]\n");
    assert_int_equal(conf_nerrors(c), 0);
    assert_int_equal(conf_nnotes(c), 1);
    conf_free(&c);
    c = load_bytes("\xef\xbb\xbf[supervisord]\n", 17, true);
    assert_int_equal(conf_nerrors(c), 1);
    conf_free(&c);
    c = load_text("[supervisord]\nidentifier=\xff\n");
    assert_int_equal(conf_nerrors(c), 0);
    conf_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_slow_stop),
        cmocka_unit_test(test_ctl),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_what_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
