/* XML-RPC: read, written, and what is refused. Python's xmlrpc.client, which is what clients are
 * tested with, wrote the documents that the writer has to equal. */
#include "supervisor/xmlrpc/fault.h"
#include "supervisor/xmlrpc/read.h"
#include "supervisor/xmlrpc/write.h"
#include "tests/unit/unit.h"

#define CALL(params) "<methodCall><methodName>a.b</methodName>" params "</methodCall>"
#define PARAM(value) CALL("<params><param>" value "</param></params>")
#define VALUE(type) PARAM("<value>" type "</value>")

static void expect_read(const char *xml, size_t n, const char *json)
{
    struct xmlrpc_call c;
    struct err e = {.msg = ""};
    if (xmlrpc_read_call(xml, n, &c, &e) < 0)
        fail_msg("%s\n%s", xml, e.msg);
    char *text = json_dumps(c.params, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    assert_string_equal(text, json);
    free(text);
    xmlrpc_call_fini(&c);
}

static void values_are_read(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {CALL(""), "[]"},
        {CALL("<params/>"), "[]"},
        {CALL("<params>\n</params>"), "[]"},
        {VALUE("<string>a &amp; b</string>"), "[\"a & b\"]"},
        {VALUE(" untyped "), "[\" untyped \"]"},
        {VALUE(""), "[\"\"]"},
        {VALUE("<string/>"), "[\"\"]"},
        {VALUE("<![CDATA[<x>]]>"), "[\"<x>\"]"},
        {VALUE("\n <int>\n 5 </int>\n"), "[5]"},
        {VALUE("<i4>-2147483648</i4>"), "[-2147483648]"},
        {VALUE("<i8>9223372036854775807</i8>"), "[9223372036854775807]"},
        {VALUE("<boolean>1</boolean>"), "[true]"},
        {VALUE("<boolean> 0 </boolean>"), "[false]"},
        {VALUE("<double>-2.5</double>"), "[-2.5]"},
        {VALUE("<nil/>"), "[null]"},
        {VALUE("<dateTime.iso8601>20260102T03:04:05</dateTime.iso8601>"),
         "[\"20260102T03:04:05\"]"},
        {VALUE("<base64>\naGVs\nbG8=\n</base64>"), "[\"hello\"]"},
        {VALUE("<base64/>"), "[\"\"]"},
        {VALUE("<array/>"), "[[]]"},
        {VALUE("<array><data/></array>"), "[[]]"},
        {VALUE("<array><data><value>x</value><value><int>1</int></value></data></array>"),
         "[[\"x\",1]]"},
        {VALUE("<struct/>"), "[{}]"},
        {VALUE("<struct><member><name>k</name><value>1</value></member>"
               "<member><value><int>2</int></value><name>l</name></member></struct>"),
         "[{\"k\":\"1\",\"l\":2}]"},
        {VALUE("<struct><member><name>k</name><value>1</value></member>"
               "<member><name>k</name><value>2</value></member></struct>"),
         "[{\"k\":\"2\"}]"},
        {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" VALUE("\xe9"), "[\"\\u00E9\"]"},
        {VALUE("\xe2\x82\xac&#233;"), "[\"\\u20AC\\u00E9\"]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_read(rows[i][0], strlen(rows[i][0]), rows[i][1]);
}

static void bytes_of_base64(void **state)
{
    (void)state;
    struct xmlrpc_call c;
    struct err e;
    const char *xml = VALUE("<base64>AP+AYg==</base64>");
    assert_int_equal(xmlrpc_read_call(xml, strlen(xml), &c, &e), 0);
    const json_t *v = json_array_get(c.params, 0);
    assert_int_equal(json_string_length(v), 4);
    assert_memory_equal(json_string_value(v),
                        "\0\xff\x80"
                        "b",
                        4);
    xmlrpc_call_fini(&c);
}

static void expect_refused(const char *xml, size_t n, const char *why)
{
    struct xmlrpc_call c;
    struct err e = {.msg = ""};
    assert_int_equal(xmlrpc_read_call(xml, n, &c, &e), -1);
    if (!strstr(e.msg, why))
        fail_msg("%s\nsays: %s\nwanted: %s", xml, e.msg, why);
    assert_null(c.method);
    assert_null(c.params);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "no element found"},
        {"hello", "syntax error (line 1)"},
        {"<methodCall>", "no element found"},
        {"<methodCall/>", "no method name"},
        {"<methodCall><methodName></methodName></methodCall>", "no method name"},
        {"<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>",
         "two method names"},
        {"<methodResponse/>", "no <methodCall>"},
        {"<html/>", "does not belong there"},
        {CALL("<params/>") "<x/>", "junk"},
        {CALL("<params/><params/>"), "twice"},
        {CALL("<params><param/></params>"), "a <param> without a value"},
        {PARAM("<value>1</value><value>2</value>"), "more values than one"},
        {VALUE("<int>1</int><int>2</int>"), "more values than one"},
        {VALUE("<int>1.5</int>"), "no whole number"},
        {VALUE("<int>9223372036854775808</int>"), "no whole number"},
        {VALUE("<int/>"), "no whole number"},
        {VALUE("<boolean>true</boolean>"), "neither 0 nor 1"},
        {VALUE("<boolean>10</boolean>"), "neither 0 nor 1"},
        {VALUE("<double>x</double>"), "no finite number"},
        {VALUE("<double>1e999</double>"), "no finite number"},
        {VALUE("<double>nan</double>"), "no finite number"},
        {VALUE("<base64>a</base64>"), "a <base64> that is none"},
        {VALUE("<float>1</float>"), "does not belong there"},
        {VALUE("<struct><member><value>1</value></member></struct>"), "without a name"},
        {VALUE("<struct><member><name>k</name></member></struct>"), "without a value"},
        {VALUE("<struct><member><name>k</name><name>k</name></member></struct>"), "two names"},
        {VALUE("<array><data><data/></data></array>"), "does not belong there"},
        {"<!DOCTYPE x [<!ENTITY a \"b\">]>" VALUE("&a;"), "a DOCTYPE is refused"},
        {"<!DOCTYPE methodCall SYSTEM \"http://x/y.dtd\">" VALUE("a"), "a DOCTYPE is refused"},
        {VALUE("&a;"), "undefined entity"},
        {VALUE("&#1;"), "invalid character number"},
        {VALUE("\xff\xfe"), "not well-formed"},
        {VALUE("\x01"), "not well-formed"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_refused(rows[i][0], strlen(rows[i][0]), rows[i][1]);
    static const char nul[] = "<methodCall><methodName>a\0b</methodName></methodCall>";
    expect_refused(nul, sizeof(nul) - 1, "not well-formed");
}

static void nest(struct str *s, unsigned levels)
{
    str_clear(s);
    str_puts(s, "<methodCall><methodName>a.b</methodName><params><param>");
    for (unsigned i = 1; i < levels; i++)
        str_puts(s, i % 2 ? "<value><array><data>" : "<value><struct><member><name>k</name>");
    str_puts(s, "<value>x</value>");
    for (unsigned i = levels - 1; i >= 1; i--)
        str_puts(s, i % 2 ? "</data></array></value>" : "</member></struct></value>");
    str_puts(s, "</param></params></methodCall>");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct xmlrpc_call c;
    struct err e;
    nest(&s, XMLRPC_DEPTH);
    assert_int_equal(xmlrpc_read_call(s.s, s.len, &c, &e), 0);
    xmlrpc_call_fini(&c);
    nest(&s, XMLRPC_DEPTH + 1);
    expect_refused(s.s, s.len, "nested too deep");
    str_clear(&s);
    for (int i = 0; i < 100000; i++)
        str_puts(&s, "<x>");
    expect_refused(s.s, s.len, "does not belong there");
    str_fini(&s);
}

static void values_are_bounded(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct xmlrpc_call c;
    struct err e;
    str_puts(&s, "<methodCall><methodName>a.b</methodName><params><param><value><array><data>");
    for (unsigned i = 1; i < XMLRPC_CALL_VALUES; i++)
        str_puts(&s, "<value/>");
    size_t len = s.len;
    static const char tail[] = "</data></array></value></param></params></methodCall>";
    str_puts(&s, tail);
    assert_int_equal(xmlrpc_read_call(s.s, s.len, &c, &e), 0);
    xmlrpc_call_fini(&c);
    s.len = len;
    str_puts(&s, "<value/>");
    str_puts(&s, tail);
    expect_refused(s.s, s.len, "too many values");
    str_fini(&s);
}

/* ---- written ---- */

static void expect_written(struct str *s, const char *text)
{
    assert_false(s->failed);
    assert_string_equal(str_text(s), text);
    str_clear(s);
}

static void answers_are_written_as_python_does(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    xmlrpc_response_begin(&s);
    xmlrpc_array_begin(&s);
    xmlrpc_struct_begin(&s);
    xmlrpc_member_string(&s, "name", "a<b>&\"'");
    xmlrpc_member_int(&s, "pid", -17);
    xmlrpc_member_bool(&s, "up", true);
    xmlrpc_struct_end(&s);
    xmlrpc_array_end(&s);
    xmlrpc_response_end(&s);
    expect_written(&s, "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n"
                       "<value><array><data>\n<value><struct>\n"
                       "<member>\n<name>name</name>\n"
                       "<value><string>a&lt;b&gt;&amp;\"'</string></value>\n</member>\n"
                       "<member>\n<name>pid</name>\n<value><int>-17</int></value>\n</member>\n"
                       "<member>\n<name>up</name>\n<value><boolean>1</boolean></value>\n</member>\n"
                       "</struct></value>\n</data></array></value>\n"
                       "</param>\n</params>\n</methodResponse>\n");
    xmlrpc_fault(&s, XMLRPC_BAD_NAME, "BAD_NAME: x");
    expect_written(&s, "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n"
                       "<member>\n<name>faultCode</name>\n<value><int>10</int></value>\n</member>\n"
                       "<member>\n<name>faultString</name>\n"
                       "<value><string>BAD_NAME: x</string></value>\n</member>\n"
                       "</struct></value>\n</fault>\n</methodResponse>\n");
    str_fini(&s);
}

static void calls_are_written_as_python_does(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    json_t *params = json_pack("[s,b,[i,n],{s:i},s%]", "web", 1, -5, "a", 1, "", 0);
    xmlrpc_call(&s, "supervisor.startProcess", params);
    expect_written(&s, "<?xml version='1.0'?>\n<methodCall>\n"
                       "<methodName>supervisor.startProcess</methodName>\n<params>\n"
                       "<param>\n<value><string>web</string></value>\n</param>\n"
                       "<param>\n<value><boolean>1</boolean></value>\n</param>\n"
                       "<param>\n<value><array><data>\n<value><int>-5</int></value>\n"
                       "<value><nil/></value>\n</data></array></value>\n</param>\n"
                       "<param>\n<value><struct>\n<member>\n<name>a</name>\n"
                       "<value><int>1</int></value>\n</member>\n</struct></value>\n</param>\n"
                       "<param>\n<value><string></string></value>\n</param>\n"
                       "</params>\n</methodCall>\n");
    json_decref(params);
    xmlrpc_call(&s, "system.listMethods", NULL);
    expect_written(&s, "<?xml version='1.0'?>\n<methodCall>\n"
                       "<methodName>system.listMethods</methodName>\n<params>\n</params>\n"
                       "</methodCall>\n");
    str_fini(&s);
}

static void texts_are_repaired(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"a\tb\nc\rd\x7f", "a\tb\nc\rd\x7f"},
        {"\x01-\x1f", "\xef\xbf\xbd-\xef\xbf\xbd"},
        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xe2\x82\xac\xc3\xa9z", "a\xe2\x82\xac\xc3\xa9z"},
        {"\xc3\xa9\xff\xc3\xa9", "\xc3\xa9\xef\xbf\xbd\xc3\xa9"},
        {"x\xef\xbf\xbe\xef\xbf\xbfy", "x\xef\xbf\xbd\xef\xbf\xbdy"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str s = STR_INIT, want = STR_INIT;
        xmlrpc_put_string(&s, rows[i][0]);
        str_printf(&want, "<value><string>%s</string></value>\n", rows[i][1]);
        assert_string_equal(str_text(&s), str_text(&want));
        str_fini(&s);
        str_fini(&want);
    }
}

static void long_texts_stay_whole(void **state)
{
    (void)state;
    struct str in = STR_INIT, out = STR_INIT, want = STR_INIT;
    str_puts(&want, "<value><string>");
    for (int i = 0; i < 3000; i++) {
        str_puts(&in, i % 7 ? "\xe2\x82\xac" : "<");
        str_puts(&want, i % 7 ? "\xe2\x82\xac" : "&lt;");
    }
    for (int i = 0; i < 300; i++) { /* longer than what the writer looks at in one go */
        str_puts(&in, "\xc3\xa9");
        str_puts(&want, "\xc3\xa9");
    }
    str_puts(&want, "</string></value>\n");
    xmlrpc_put_bytes(&out, in.s, in.len);
    assert_string_equal(str_text(&out), str_text(&want));
    str_fini(&in);
    str_fini(&out);
    str_fini(&want);
}

static void numbers_have_32_bits(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    xmlrpc_put_int(&s, INT64_MAX);
    expect_written(&s, "<value><int>2147483647</int></value>\n");
    xmlrpc_put_int(&s, INT64_MIN);
    expect_written(&s, "<value><int>-2147483648</int></value>\n");
    json_t *v = json_real(0.5);
    xmlrpc_put_json(&s, v);
    expect_written(&s, "<value><double>0.5</double></value>\n");
    json_decref(v);
    str_fini(&s);
}

/* ---- answers, read ---- */

static void answers_are_read(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct xmlrpc_response r;
    struct err e;
    xmlrpc_response_begin(&s);
    xmlrpc_put_bool(&s, true);
    xmlrpc_response_end(&s);
    assert_int_equal(xmlrpc_read_response(s.s, s.len, 0, &r, &e), 0);
    assert_true(json_is_true(r.value));
    assert_null(r.text);
    xmlrpc_response_fini(&r);
    str_clear(&s);
    xmlrpc_fault(&s, 70, "NOT_RUNNING: web");
    assert_int_equal(xmlrpc_read_response(s.s, s.len, 0, &r, &e), 0);
    assert_null(r.value);
    assert_int_equal(r.fault, 70);
    assert_string_equal(r.text, "NOT_RUNNING: web");
    xmlrpc_response_fini(&r);
    str_fini(&s);
}

static void answers_that_are_none(void **state)
{
    (void)state;
#define R(body) "<methodResponse>" body "</methodResponse>"
    static const char *const rows[][2] = {
        {CALL(""), "no <methodResponse>"},
        {R(""), "without one value"},
        {R("<params/>"), "without one value"},
        {R("<params><param><value/></param><param><value/></param></params>"), "without one value"},
        {R("<fault><value>x</value></fault>"), "without its code"},
        {R("<fault/>"), "without one value"},
        {R("<params><param><value><array><data><value/><value/></data></array></value></param>"
           "</params>"),
         "too many values"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct xmlrpc_response r;
        struct err e = {.msg = ""};
        assert_int_equal(xmlrpc_read_response(rows[i][0], strlen(rows[i][0]), 2, &r, &e), -1);
        if (!strstr(e.msg, rows[i][1]))
            fail_msg("%s says %s", rows[i][0], e.msg);
    }
}

static void faults_have_names(void **state)
{
    (void)state;
    assert_string_equal(xmlrpc_fault_name(XMLRPC_CANT_REREAD), "CANT_REREAD");
    assert_string_equal(xmlrpc_fault_name(1), "UNKNOWN_METHOD");
    assert_string_equal(xmlrpc_fault_name(5), "UNKNOWN");
}

RUN(TEST(values_are_read), TEST(bytes_of_base64), TEST(what_is_refused), TEST(depth_is_bounded),
    TEST(values_are_bounded), TEST(answers_are_written_as_python_does),
    TEST(calls_are_written_as_python_does), TEST(texts_are_repaired), TEST(long_texts_stay_whole),
    TEST(numbers_have_32_bits), TEST(answers_are_read), TEST(answers_that_are_none),
    TEST(faults_have_names))
