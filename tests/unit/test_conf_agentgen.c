/* The agent's generation: what is written reads back to the same, and holds nothing of programs but
 * their names. */
#include "supervisor/conf/agentgen.h"
#include "tests/unit/conf_text.h"

static struct agentgen *round_trip(const char *text, struct str *out)
{
    struct conf_request rq = text_request(text, strlen(text));
    struct conf *c = conf_load(&rq);
    struct err e;
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    agentgen_write(c, out);
    conf_free(&c);
    struct agentgen *g = agentgen_read(str_text(out), out->len, &e);
    if (!g)
        fail_msg("%s", e.msg);
    return g;
}

static void test_processes(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    struct agentgen *g = round_trip("[supervisord]\n[agent]\nstate_dir=/tmp/x\n"
                                    "[program:a]\ncommand=secret --token=1\n"
                                    "environment=PASSWORD=hidden\ndepends_on=b\n"
                                    "[program:b]\ncommand=c\nnumprocs=2\n"
                                    "process_name=b\\t%(process_num)d\n",
                                    &text);
    assert_null(strstr(str_text(&text), "secret"));
    assert_null(strstr(str_text(&text), "hidden"));
    assert_string_equal(g->conf->agent.state_dir, "/tmp/x");
    assert_int_equal(g->nprocs, 3);
    assert_string_equal(g->procs[0].program, "a");
    assert_int_equal(g->procs[0].depends.n, 1);
    assert_string_equal(g->procs[0].depends.v[0], "b");
    assert_string_equal(g->procs[2].group, "b");
    assert_string_equal(g->procs[2].name, "b\\t1");
    agentgen_free(&g);
    str_fini(&text);
}

/* The agent may not go where the load child went, and must not wait for a disk to find that out. */
static void test_paths_are_not_looked_at(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    struct err e;
    char dir[] = "/tmp/agentgen-XXXXXX", conf[200];
    assert_non_null(mkdtemp(dir));
    snprintf(conf, sizeof(conf),
             "[supervisord]\n[probe:p]\ntype=http\nurl=https://h/\ntls_ca=%s/ca.pem\n", dir);
    struct agentgen *g = round_trip(conf, &text);
    agentgen_free(&g);
    assert_int_equal(rmdir(dir), 0);
    g = agentgen_read(str_text(&text), text.len, &e);
    if (!g)
        fail_msg("%s", e.msg);
    agentgen_free(&g);
    str_fini(&text);
}

static void test_not_needed(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    struct agentgen *g = round_trip("[supervisord]\n[program:a]\ncommand=c\n", &text);
    assert_int_equal(text.len, 0);
    assert_int_equal(g->nprocs, 0);
    agentgen_free(&g);
    str_fini(&text);
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const bad[] = {"x",
                                      "x\n",
                                      "key\t1\tv\n",
                                      "[agent\n",
                                      "+a\tb\n",
                                      "[agent\t\t0\nstate_dir\t1\t\\q\n",
                                      "[agent\t\t0\nlisten\t1\tno:port\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = {0};
        assert_null(agentgen_read(bad[i], strlen(bad[i]), &e));
        assert_true(e.msg[0]);
    }
}

static void test_depends(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"[supervisord]\n[program:web]\ncommand=c\ndepends_on=wbe2\n[program:web2]\ncommand=c\n",
         "/t.conf:4: program:web.depends_on: there is no program wbe2; did you mean web2?"},
        {"[supervisord]\n[program:a]\ncommand=c\ndepends_on=b\n[program:b]\ncommand=c\n"
         "depends_on=c\n[program:c]\ncommand=c\ndepends_on=a\n",
         "/t.conf:10: program:c.depends_on: the programs wait for each other: a -> b -> c -> a"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct conf_request rq = text_request(rows[i].text, strlen(rows[i].text));
        struct conf *c = conf_load(&rq);
        assert_int_equal(conf_nerrors(c), 1);
        assert_string_equal(conf_error(c, 0), rows[i].error);
        conf_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processes),  cmocka_unit_test(test_paths_are_not_looked_at),
        cmocka_unit_test(test_not_needed), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_depends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
