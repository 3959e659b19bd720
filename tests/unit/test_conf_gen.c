/* The generation block: what a configuration comes to in it, sharing, and refusal of damaged ones.
 */
#include "tests/unit/conf_text.h"

#include <signal.h>
#include <sys/mman.h>

static const struct gen_proc *proc_named(const struct gen *g, const char *name)
{
    for (uint32_t i = 0; i < g->nprocs; i++) {
        if (strcmp(gen_str(g, gen_procs(g)[i].name), name) == 0)
            return &gen_procs(g)[i];
    }
    fail_msg("no process %s", name);
    return NULL;
}

static const char *word(const struct gen *g, goff array, uint32_t i)
{
    return gen_str(g, ((const goff *)gen_at(g, array))[i]);
}

static void assert_command(const struct gen *g, const struct gen_proc *p, const char *want)
{
    struct str text = STR_INIT;
    gen_command(g, p, &text);
    assert_string_equal(str_text(&text), want);
    str_fini(&text);
}

static void assert_log_path(const struct gen *g, const struct gen_proc *p, int channel,
                            const char *want)
{
    struct str text = STR_INIT;
    gen_log_path(g, p, channel, &text);
    assert_string_equal(str_text(&text), want);
    str_fini(&text);
}

static const char *env_of(const struct gen *g, const struct gen_proc *p, const char *key)
{
    const struct gen_env *v = gen_at(g, p->env);
    size_t n = strlen(key);
    for (uint32_t i = 0; i < p->nenv; i++) {
        bool own = v[i].text < GEN_ENV_OWN;
        const char *s = own ? gen_env_key(v[i].text) : gen_str(g, v[i].text);
        if (strncmp(s, key, n) == 0 && s[n] == '=')
            return own ? gen_env_value(g, p, v[i].text) : s + n + 1;
    }
    return NULL;
}

static const char *base_env(const struct gen *g, const char *key)
{
    size_t n = strlen(key);
    for (uint32_t i = 0; i < g->nenv; i++) {
        const char *s = word(g, g->env, i);
        if (strncmp(s, key, n) == 0 && s[n] == '=')
            return s + n + 1;
    }
    return NULL;
}

static void test_defaults(void **state)
{
    (void)state;
    const struct gen *g = gen_of("[supervisord]\n[program:x]\ncommand=run \"a b\" c\n");
    const struct gen_proc *p = proc_named(g, "x");
    const struct gen_opts *o = gen_opts(g, p);
    assert_int_equal(g->ngroups, 1);
    assert_string_equal(gen_str(g, gen_groups(g)[0].name), "x");
    assert_string_equal(gen_str(g, p->section), "program:x");
    assert_string_equal(gen_str(g, p->file), "/t.conf");
    assert_int_equal(p->line, 2);
    assert_int_equal(p->argc, 3);
    assert_string_equal(word(g, p->argv, 1), "a b");
    assert_int_equal(p->ncandidates, 2);
    assert_string_equal(word(g, p->candidates, 0), "/usr/bin/run");
    assert_string_equal(word(g, p->candidates, 1), "/bin/run");
    assert_int_equal(o->uid, -1);
    assert_int_equal(o->umask, -1);
    assert_int_equal(p->priority, 999);
    assert_int_equal(o->startretries, 3);
    assert_int_equal(o->startsecs_ns, 1000000000);
    assert_true(o->autostart);
    assert_int_equal(o->autorestart, GEN_RESTART_UNEXPECTED);
    assert_true(gen_exit_expected(o, 0));
    assert_false(gen_exit_expected(o, 1));
    assert_int_equal(o->nstops, 1);
    const struct gen_stop *s = gen_at(g, o->stops);
    assert_int_equal(s->sig, 15);
    assert_int_equal(s->wait_ns, 10000000000);
    assert_int_equal(o->stopwait_ns, 10000000000);
    assert_int_equal(o->backoff_ns, 1000000000);
    assert_int_equal(o->log[0].sink, GEN_SINK_AUTO);
    assert_int_equal(o->log[1].maxbytes, 50 << 20);
    assert_int_equal(o->log[0].backups, 10);
    assert_string_equal(env_of(g, p, "SUPERVISOR_PROCESS_NAME"), "x");
    assert_string_equal(env_of(g, p, "SUPERVISOR_GROUP_NAME"), "x");
    assert_string_equal(base_env(g, "SUPERVISOR_ENABLED"), "1");
    assert_null(base_env(g, "SUPERVISOR_SERVER_URL"));
    gen_close(&g);
    assert_null(g);
}

static void test_ours(void **state)
{
    (void)state;
    const struct gen *g = gen_of(
        "[supervisord]\n[supd]\nlog_memory=1MB\nsocket=run/s\nlog_format=json\n"
        "[program:x]\ncommand=./a\nbackoff=2s\nbackoff_factor=1.5\nbackoff_max=1m\n"
        "backoff_jitter=12.5%\nbackoff_reset=5m\nretry_window=1h\non_fatal=retry:90s\n"
        "orphans=keep\nsigpipe=ignore\nstdin=null\nstopsignals=QUIT:10s,INT:500ms,KILL\n"
        "stdout_logfile=NONE\nstderr_logfile=/e.log\nstderr_logfile_gzip=yes\nlog_prefix=on\n"
        "log_format=json\nlog_overflow=block\nexitcodes=0,255,64\n");
    const struct gen_proc *p = proc_named(g, "x");
    const struct gen_opts *o = gen_opts(g, p);
    const struct gen_stop *s = gen_at(g, o->stops);
    assert_int_equal(g->supd.log_memory, 1 << 20);
    assert_string_equal(gen_str(g, g->supd.socket), "/run/s");
    assert_true(g->supd.log_json);
    assert_int_equal(o->backoff_ns, 2000000000);
    assert_int_equal(o->backoff_factor_milli, 1500);
    assert_int_equal(o->backoff_max_ns, 60000000000);
    assert_int_equal(o->backoff_jitter_milli, 125);
    assert_int_equal(o->backoff_reset_ns, 300000000000);
    assert_int_equal(o->retry_window_ns, 3600000000000);
    assert_int_equal(o->on_fatal, GEN_FATAL_RETRY);
    assert_int_equal(o->fatal_retry_ns, 90000000000);
    assert_int_equal(o->orphans, GEN_ORPHANS_KEEP);
    assert_true(o->sigpipe_ignore);
    assert_true(o->stdin_null);
    assert_int_equal(o->nstops, 3);
    assert_int_equal(s[0].sig, 3);
    assert_int_equal(s[1].wait_ns, 500000000);
    assert_int_equal(s[2].sig, 9);
    assert_int_equal(o->log[0].sink, GEN_SINK_NONE);
    assert_int_equal(o->log[1].sink, GEN_SINK_FILE);
    assert_log_path(g, p, 1, "/e.log");
    assert_true(o->log[1].gzip && !o->log[0].gzip && o->log[1].prefix);
    assert_int_equal(o->log[0].format, GEN_LOG_JSON);
    assert_int_equal(o->log[0].overflow, GEN_OVERFLOW_BLOCK);
    assert_true(gen_exit_expected(o, 255) && gen_exit_expected(o, 64) &&
                !gen_exit_expected(o, 256));
    assert_int_equal(p->ncandidates, 1);
    assert_string_equal(word(g, p->candidates, 0), "./a");
    gen_close(&g);
}

static void test_environment(void **state)
{
    (void)state;
    const struct gen *g =
        gen_of("[supervisord]\nenvironment=G=gg,N=5\n[unix_http_server]\nfile=/run/s.sock\n"
               "[program:x]\ncommand=tool\nenvironment=PATH=\"/opt:rel::/last/\",H=\"%(ENV_G)s\"\n"
               "[program:y]\ncommand=tool\nserverurl=http://"
               "h:1\nenvironment=SUPERVISOR_GROUP_NAME=other\n");
    const struct gen_proc *x = proc_named(g, "x"), *y = proc_named(g, "y");
    assert_string_equal(base_env(g, "N"), "5");
    assert_string_equal(base_env(g, "G"), "gg");
    assert_string_equal(base_env(g, "SUPERVISOR_SERVER_URL"), "unix:///run/s.sock");
    assert_string_equal(env_of(g, x, "H"), "gg");
    assert_string_equal(env_of(g, y, "SUPERVISOR_SERVER_URL"), "http://h:1");
    assert_string_equal(env_of(g, y, "SUPERVISOR_GROUP_NAME"), "other");
    assert_int_equal(x->ncandidates, 4);
    assert_string_equal(word(g, x->candidates, 0), "/opt/tool");
    assert_string_equal(word(g, x->candidates, 1), "rel/tool");
    assert_string_equal(word(g, x->candidates, 2), "tool");
    assert_string_equal(word(g, x->candidates, 3), "/last/tool");
    const struct gen_env *v = gen_at(g, x->env);
    for (uint32_t i = 0; i < x->nenv; i++) {
        if (v[i].text < GEN_ENV_OWN)
            continue;
        const char *s = gen_str(g, v[i].text);
        bool replaces = strncmp(s, "PATH=", 5) == 0 || s[0] == 'G' || s[0] == 'N';
        assert_int_equal(v[i].replaces >= 0, replaces);
        if (replaces) {
            const char *base = word(g, g->env, (uint32_t)v[i].replaces);
            assert_int_equal(strncmp(base, s, strcspn(s, "=") + 1), 0);
        }
    }
    gen_close(&g);
}

static void test_groups(void **state)
{
    (void)state;
    const struct gen *g =
        gen_of("[supervisord]\n[program:b]\ncommand=b\npriority=5\n[program:a]\ncommand=a\n"
               "numprocs=3\nprocess_name=p%(process_num)d\n[program:c]\ncommand=c\n[program:d]"
               "\ncommand=d\n"
               "process_name=p1\npriority=1\n[group:g]\nprograms=a,b,d\npriority=2\n"
               "[eventlistener:c]\ncommand=e\nevents=TICK_5,EVENT\nbuffer_size=7\n"
               "[fcgi-program:f]\ncommand=f\nsocket=tcp://H:1\nsocket_backlog=9\n");
    const struct gen_group *v = gen_groups(g);
    assert_int_equal(g->ngroups, 3);
    assert_string_equal(gen_str(g, v[0].name), "c");
    assert_int_equal(v[0].kind, GEN_EVENTLISTENER);
    const struct gen_listener *l = gen_at(g, v[0].extra);
    assert_int_equal(l->nevents, 2);
    assert_int_equal(l->buffer_size, 7);
    assert_string_equal(word(g, l->events, 0), "EVENT");
    assert_string_equal(gen_str(g, v[1].name), "g");
    /* (priority, name); the later p1 replaced the one of a */
    assert_int_equal(v[1].nprocs, 4);
    const struct gen_proc *p = &gen_procs(g)[v[1].first];
    assert_command(g, p, "d");
    assert_string_equal(gen_str(g, p[0].name), "p1");
    assert_string_equal(env_of(g, p, "SUPERVISOR_PROCESS_NAME"), "p1");
    assert_string_equal(env_of(g, p, "SUPERVISOR_GROUP_NAME"), "g");
    assert_string_equal(gen_str(g, p[1].name), "b");
    assert_string_equal(gen_str(g, p[2].name), "p0");
    assert_string_equal(gen_str(g, p[3].name), "p2");
    assert_int_equal(p[3].numproc, 2);
    assert_string_equal(gen_str(g, v[2].name), "f");
    const struct gen_fcgi *f = gen_fcgi(g, &gen_procs(g)[v[2].first]);
    assert_string_equal(gen_str(g, f->socket), "tcp://h:1");
    assert_int_equal(f->backlog, 9);
    assert_null(gen_fcgi(g, p));
    gen_close(&g);
}

/* Each socket belongs to its section within its group. */
static void test_sockets(void **state)
{
    (void)state;
    const struct gen *g =
        gen_of("[supervisord]\n[program:p]\ncommand=p\n[fcgi-program:a]\ncommand=a\n"
               "socket=unix:///tmp/%(program_name)s\nsocket_mode=0600\nuser=root\n"
               "[fcgi-program:b]\ncommand=b\nsocket=tcp://[::1]:7\nnumprocs=2\n"
               "process_name=b%(process_num)d\n[group:g]\nprograms=a,b,p\n"
               "[group:h]\nprograms=a\n");
    static const char *const want[] = {"unix:///tmp/a", "tcp://[::1]:7", "tcp://[::1]:7", NULL,
                                       "unix:///tmp/a"};
    assert_int_equal(g->nprocs, 5);
    assert_int_equal(g->supd.nfcgi, 3);
    for (uint32_t i = 0; i < 5; i++) {
        const struct gen_fcgi *f = gen_fcgi(g, gen_procs(g) + i);
        if (!want[i]) {
            assert_null(f);
            continue;
        }
        assert_string_equal(gen_str(g, f->socket), want[i]);
        assert_int_equal(f->group, i == 4);
        assert_int_equal(f->mode, i == 0 || i == 4 ? 0600 : 0700);
        assert_int_equal(f->uid, i == 0 || i == 4 ? 0 : -1);
    }
    gen_close(&g);
}

/* the table of what the program's name changes */
static void test_names(void **state)
{
    (void)state;
    const char *text =
        "[supervisord]\n[program:x]\ncommand=a\nstopwaitsecs=40\n[program:y]\ncommand=b\n"
        "stopasgroup=true\n";
    struct conf_request rq = text_request(text, strlen(text));
    const struct gen *own = gen_of_request(&rq);
    rq.as_supervisord = true;
    const struct gen *theirs = gen_of_request(&rq);
    assert_int_equal(own->supd.logfile, 0);
    assert_int_equal(own->supd.pidfile, 0);
    assert_string_equal(gen_str(theirs, theirs->supd.logfile), "/supervisord.log");
    assert_string_equal(gen_str(theirs, theirs->supd.pidfile), "/supervisord.pid");
    assert_int_equal(own->supd.shutdown_timeout_ns, 40000000000);
    assert_int_equal(theirs->supd.shutdown_timeout_ns, -1);
    assert_int_equal(gen_opts(own, proc_named(own, "x"))->orphans, GEN_ORPHANS_KILL);
    assert_int_equal(gen_opts(theirs, proc_named(theirs, "x"))->orphans, GEN_ORPHANS_KEEP);
    assert_int_equal(gen_opts(theirs, proc_named(theirs, "y"))->orphans, GEN_ORPHANS_KILL);
    assert_false(gen_opts(own, proc_named(own, "x"))->sigpipe_ignore);
    assert_true(gen_opts(theirs, proc_named(theirs, "x"))->sigpipe_ignore);
    gen_close(&own);
    gen_close(&theirs);
    own = gen_of("[supervisord]\n[supd]\nshutdown_timeout=3s\norphans=keep\nsigpipe=ignore\n"
                 "[program:x]\ncommand=a\n[program:y]\ncommand=a\norphans=kill\nsigpipe=default\n");
    assert_int_equal(own->supd.shutdown_timeout_ns, 3000000000);
    assert_int_equal(gen_opts(own, proc_named(own, "x"))->orphans, GEN_ORPHANS_KEEP);
    assert_true(gen_opts(own, proc_named(own, "x"))->sigpipe_ignore);
    assert_int_equal(gen_opts(own, proc_named(own, "y"))->orphans, GEN_ORPHANS_KILL);
    assert_false(gen_opts(own, proc_named(own, "y"))->sigpipe_ignore);
    gen_close(&own);
    own = gen_of("[supervisord]\n[program:x]\ncommand=a\nstopwaitsecs=2\n");
    assert_int_equal(own->supd.shutdown_timeout_ns, 25000000000);
    gen_close(&own);
}

static void test_bad_commands(void **state)
{
    (void)state;
    const struct gen *g = gen_of("[supervisord]\n[program:x]\ncommand=sh "
                                 "\"a\n[program:y]\ncommand=\n[program:z]\ncommand=a \\\\\n");
    assert_string_equal(gen_str(g, proc_named(g, "x")->argv_error),
                        "can't parse command 'sh \"a': No closing quotation");
    assert_string_equal(gen_str(g, proc_named(g, "y")->argv_error), "command is empty");
    assert_int_equal(proc_named(g, "z")->argv_error, 0);
    gen_close(&g);
}

/* values beyond what the block's fields hold are brought to their edge, not wrapped */
static void test_extremes(void **state)
{
    (void)state;
    const struct gen *g =
        gen_of("[supervisord]\n[program:x]\ncommand=a\npriority=99999999999\n"
               "startsecs=9223372036854775807\nstopwaitsecs=-5\nstartretries=-1\n"
               "stdout_logfile_maxbytes=-1\nstdout_logfile_backups=99999999999\n");
    const struct gen_proc *p = proc_named(g, "x");
    const struct gen_opts *o = gen_opts(g, p);
    assert_int_equal(p->priority, INT32_MAX);
    assert_true(o->startsecs_ns > 0);
    assert_int_equal(o->stopwait_ns, 0);
    assert_int_equal(o->startretries, -1);
    assert_int_equal(o->log[0].maxbytes, -1);
    assert_int_equal(o->log[0].backups, INT32_MAX);
    gen_close(&g);
}

static void test_sharing(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    str_puts(&text, "[supervisord]\n");
    for (int i = 0; i < 1000; i++)
        str_printf(&text, "[program:worker%03d]\ncommand=/bin/sleep 1000\n", i);
    const struct gen *g = gen_of(str_text(&text));
    assert_int_equal(g->nprocs, 1000);
    assert_int_equal(gen_procs(g)[0].argv, gen_procs(g)[999].argv);
    assert_int_equal(gen_procs(g)[0].candidates, gen_procs(g)[999].candidates);
    assert_int_equal(gen_procs(g)[0].opts, gen_procs(g)[999].opts);
    assert_in_range(g->size, 1, 240 * 1000);
    gen_close(&g);
    str_fini(&text);
}

static int copy_of(const struct gen *g, uint32_t size)
{
    int fd = fd_memory("copy", false);
    assert_int_equal(fd_write_all(fd, g, size), 0);
    return fd;
}

static void test_damage(void **state)
{
    (void)state;
    const struct gen *g = gen_of("[supervisord]\n[program:x]\ncommand=a\n");
    struct err e;
    int fd = copy_of(g, g->size);
    const struct gen *same = gen_open(fd, &e);
    assert_non_null(same);
    gen_close(&same);
    for (uint32_t at = 0; at < g->size; at += 61) {
        unsigned char byte = (unsigned char)(((const unsigned char *)g)[at] ^ 0x10);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_null(gen_open(fd, &e));
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    fd_close(&fd);
    fd = copy_of(g, 40);
    assert_null(gen_open(fd, &e));
    assert_string_equal(e.msg, "the checked configuration is cut short: 40 bytes");
    fd_close(&fd);
    fd = copy_of(g, g->size - 1);
    assert_null(gen_open(fd, &e));
    fd_close(&fd);
    assert_null(gen_open(-1, &e));
    gen_close(&g);
}

static void test_errors_write_nothing(void **state)
{
    (void)state;
    struct err e;
    struct conf *c = load_text("[supervisord]\n[program:x]\n");
    int fd = fd_memory("none", true);
    assert_int_equal(conf_write_gen(c, fd, &e), -1);
    assert_non_null(strstr(e.msg, "does not specify a command"));
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    fd_close(&fd);
    conf_free(&c);
    assert_null(c);
}

/* Each process has its own words; programs without such options have nothing, and one record. */
static void test_commands_beside(void **state)
{
    (void)state;
    const struct gen *g =
        gen_of("[supervisord]\n[program:a]\ncommand=x\nnumprocs=2\nprocess_name=a%(process_num)d\n"
               "environment=PATH=/own\nhook_exit=say \"%(process_num)d left\"\nreload_signal=HUP\n"
               "stop_command=/drain\nstop_command_timeout=200s\nhook_timeout=3s\nstopwaitsecs=60\n"
               "[program:b]\ncommand=x\n[program:c]\ncommand=x\n");
    const struct gen_commands *a0 = gen_commands(g, proc_named(g, "a0")),
                              *a1 = gen_commands(g, proc_named(g, "a1"));
    assert_non_null(a0);
    const struct gen_command *exit = &a1->command[GEN_HOOK_EXIT];
    assert_int_equal(exit->argc, 2);
    assert_string_equal(word(g, exit->argv, 1), "1 left");
    assert_string_equal(word(g, a0->command[GEN_HOOK_EXIT].argv, 1), "0 left");
    assert_int_equal(exit->ncandidates, 1);
    assert_string_equal(word(g, exit->candidates, 0), "/own/say");
    assert_int_equal(a0->command[GEN_HOOK_START].argc, 0);
    assert_int_equal(a0->reload_signal, SIGHUP);
    assert_int_equal(a0->hook_ns, 3 * INT64_C(1000000000));
    assert_int_equal(a0->reload_ns, 30 * INT64_C(1000000000));
    /* the whole of the longest stop counts for the shutdown */
    assert_int_equal(g->supd.shutdown_timeout_ns, 260 * INT64_C(1000000000));
    assert_null(gen_commands(g, proc_named(g, "b")));
    assert_int_equal(proc_named(g, "b")->opts, proc_named(g, "c")->opts);
    gen_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_beside),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_bad_commands),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_errors_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
