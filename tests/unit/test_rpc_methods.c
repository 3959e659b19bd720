/* The table of Supervisor's methods. */
#include "supervisor/rpc/method.h"
#include "tests/unit/unit.h"

static void the_table_is_sorted_and_whole(void **state)
{
    (void)state;
    size_t n;
    const struct rpc_method *m = rpc_methods(&n);
    for (size_t i = 0; i < n; i++) {
        if (i)
            assert_true(strcmp(m[i - 1].name, m[i].name) < 0);
        assert_ptr_equal(rpc_method_find(m[i].name), &m[i]);
        assert_true(strlen(m[i].help) > 10 && strlen(m[i].returns) > 0);
        for (size_t k = 1; k < RPC_PARAMS; k++) { /* what may be left out is at the end */
            assert_true(m[i].params[k - 1].type || !m[i].params[k].type);
            assert_false(m[i].params[k - 1].optional && m[i].params[k].type &&
                         !m[i].params[k].optional);
        }
    }
    assert_null(rpc_method_find("supervisor."));
    assert_null(rpc_method_find(""));
}

struct outcome {
    int fault;
    char text[64];
};

static void on_end(void *obj, struct rpc_call *c)
{
    struct outcome *o = obj;
    o->fault = c->fault;
    snprintf(o->text, sizeof(o->text), "%s", str_text(&c->text));
    rpc_free(&c);
}

/* A call that is answered at once; supd is not asked. */
static struct outcome call(struct agent_program *a, const char *name, const char *params)
{
    struct outcome o = {-1, ""};
    struct str out = STR_INIT;
    json_t *v = json_loads(params, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(v);
    assert_null(rpc_begin(a, name, v, &out, on_end, &o));
    json_decref(v);
    str_fini(&out);
    return o;
}

static void parameters_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *name, *params, *text;
    } rows[] = {
        {"supervisor.getVersion", "[]", ""},
        {"supervisor.getVersion", "[1]", "INCORRECT_PARAMETERS"},
        {"supervisor.startProcess", "[]", "INCORRECT_PARAMETERS"},
        {"supervisor.startProcess", "[\"a\", true, 1]", "INCORRECT_PARAMETERS"},
        {"supervisor.startProcess", "[1]", "INCORRECT_PARAMETERS: name is no string"},
        {"supervisor.startProcess", "[\"a\\u0000\"]", "INCORRECT_PARAMETERS: name is no string"},
        {"supervisor.readLog", "[\"x\", 1]", "INCORRECT_PARAMETERS: offset is no int"},
        {"supervisor.readLog", "[1, 1e300]", "INCORRECT_PARAMETERS: length is no int"},
        {"supervisor.readLog", "[{}, 1]", "INCORRECT_PARAMETERS: offset is no int"},
        {"supervisor.signalProcess", "[\"a\", 1.5]", "INCORRECT_PARAMETERS: signal is no string"},
        {"system.multicall", "[{}]", "INCORRECT_PARAMETERS: calls is no array"},
        {"system.methodHelp", "[\"x\"]", "SIGNATURE_UNSUPPORTED"},
        {"supervisor.nope", "[]", "UNKNOWN_METHOD"},
    };
    struct agent_program a = {0};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(call(&a, rows[i].name, rows[i].params).text, rows[i].text);
    a.stopping = true;
    assert_int_equal(call(&a, "supervisor.getVersion", "[]").fault, XMLRPC_SHUTDOWN_STATE);
    assert_int_equal(call(&a, "system.listMethods", "[]").fault, 0);
}

RUN(TEST(the_table_is_sorted_and_whole), TEST(parameters_are_checked))
