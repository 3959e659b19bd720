/* XML-RPC, read.
 *
 * A document is a path of elements; `rules` says which element may stand in which. Each open
 * element is a frame; a value's frame collects what its type's element leaves behind. */
#include "supervisor/xmlrpc/read.h"
#include "supervisor/base/b64.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#include <expat.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum element {
    DOCUMENT,
    CALL,
    RESPONSE,
    METHOD_NAME,
    PARAMS,
    PARAM,
    FAULT,
    VALUE,
    STRING,
    INT,
    BOOLEAN,
    DOUBLE,
    BASE64,
    NIL,
    ARRAY,
    DATA,
    STRUCT,
    MEMBER,
    NAME,
};

static const struct rule {
    enum element in;
    const char *name;
    enum element is;
} rules[] = {
    {DOCUMENT, "methodCall", CALL},
    {DOCUMENT, "methodResponse", RESPONSE},
    {CALL, "methodName", METHOD_NAME},
    {CALL, "params", PARAMS},
    {RESPONSE, "params", PARAMS},
    {RESPONSE, "fault", FAULT},
    {PARAMS, "param", PARAM},
    {PARAM, "value", VALUE},
    {FAULT, "value", VALUE},
    {VALUE, "string", STRING},
    {VALUE, "int", INT},
    {VALUE, "i4", INT},
    {VALUE, "i8", INT},
    {VALUE, "boolean", BOOLEAN},
    {VALUE, "double", DOUBLE},
    {VALUE, "dateTime.iso8601", STRING},
    {VALUE, "base64", BASE64},
    {VALUE, "nil", NIL},
    {VALUE, "array", ARRAY},
    {VALUE, "struct", STRUCT},
    {ARRAY, "data", DATA},
    {DATA, "value", VALUE},
    {STRUCT, "member", MEMBER},
    {MEMBER, "name", NAME},
    {MEMBER, "value", VALUE},
};

#define FRAMES                                                                                     \
    (XMLRPC_DEPTH * 4 + 8) /* a value, its array, its data; and what is around the first */

struct frame {
    const struct rule *rule; /* NULL: the document */
    json_t *v;  /* of PARAMS, ARRAY, STRUCT: what is collected; of others: the result */
    char *name; /* of MEMBER */
};

struct reader {
    XML_Parser xml;
    struct frame frames[FRAMES];
    size_t depth; /* frames[depth] is the one that is open */
    unsigned values_deep;
    size_t values, max_values;
    enum element root; /* what the document has to be */
    struct str text;   /* of the innermost element that has text */
    char *method;
    json_t *params, *fault;
    struct err *e;
    bool failed;
};

static void fail(struct reader *r, const char *what)
{
    if (!r->failed)
        err_set(r->e, "%s (line %lu)", what, (unsigned long)XML_GetCurrentLineNumber(r->xml));
    r->failed = true;
    XML_StopParser(r->xml, XML_FALSE);
}

static enum element of(const struct frame *f)
{
    return f->rule ? f->rule->is : DOCUMENT;
}

/* Gives v, which may be NULL, to the frame, unless it has one already. */
static void leave(struct reader *r, struct frame *f, json_t *v)
{
    if (f->v || !v) {
        json_decref(v);
        fail(r, v ? "more values than one where one belongs" : "out of memory");
        return;
    }
    f->v = v;
}

/* ---- an element begins ---- */

static const struct rule *rule_of(enum element in, const char *name)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].in == in && strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

static void begin_value(struct reader *r)
{
    if (++r->values_deep > XMLRPC_DEPTH)
        fail(r, "values are nested too deep");
    if (++r->values > r->max_values && r->max_values)
        fail(r, "too many values");
}

static void begin(struct reader *r, struct frame *f)
{
    str_clear(&r->text);
    switch (of(f)) {
    case CALL:
    case RESPONSE:
        if (of(f) != r->root)
            fail(r, r->root == CALL ? "no <methodCall>" : "no <methodResponse>");
        break;
    case VALUE:
        begin_value(r);
        break;
    case PARAMS:
    case ARRAY:
        leave(r, f, json_array());
        break;
    case STRUCT:
        leave(r, f, json_object());
        break;
    default:
        break;
    }
}

static void on_start(void *obj, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *r = obj;
    (void)attributes;
    if (r->failed)
        return;
    const struct rule *rule = rule_of(of(&r->frames[r->depth]), name);
    if (!rule || r->depth + 1 == FRAMES) {
        fail(r, rule ? "elements are nested too deep" : "an element that does not belong there");
        return;
    }
    struct frame *f = &r->frames[++r->depth];
    *f = (struct frame){.rule = rule};
    begin(r, f);
}

static void on_text(void *obj, const XML_Char *text, int n)
{
    struct reader *r = obj;
    str_put(&r->text, text, (size_t)n);
    if (r->text.failed && !r->failed)
        fail(r, "out of memory");
}

/* ---- an element ends ---- */

#define BLANKS " \t\r\n"

/* The text without the blanks around it; it is changed. */
static const char *trimmed(struct reader *r)
{
    const char *p = str_text(&r->text);
    p += strspn(p, BLANKS);
    for (; r->text.len && strchr(BLANKS, r->text.s[r->text.len - 1]); r->text.len--)
        r->text.s[r->text.len - 1] = '\0';
    return p;
}

static json_t *string_value(struct reader *r)
{
    return json_stringn_nocheck(str_text(&r->text), r->text.len);
}

static json_t *int_value(struct reader *r)
{
    int64_t n = 0;
    struct err e;
    if (text_int(trimmed(r), INT64_MIN, INT64_MAX, &n, &e) < 0)
        fail(r, "an <int> that is no whole number of 64 bits");
    return json_integer(n);
}

static json_t *boolean_value(struct reader *r)
{
    const char *text = trimmed(r);
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        fail(r, "a <boolean> that is neither 0 nor 1");
    return json_boolean(*text == '1');
}

static json_t *double_value(struct reader *r)
{
    const char *text = trimmed(r);
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v)) {
        fail(r, "a <double> that is no finite number");
        v = 0;
    }
    return json_real(v);
}

static json_t *base64_value(struct reader *r)
{
    struct str *t = &r->text;
    size_t n = 0;
    for (size_t i = 0; i < t->len; i++)
        if (!strchr(BLANKS, t->s[i]))
            t->s[n++] = t->s[i];
    int64_t len = n ? b64_get(t->s, n, (uint8_t *)t->s, n) : 0; /* what is written was read */
    if (len < 0)
        fail(r, "a <base64> that is none");
    return json_stringn_nocheck(str_text(t), len > 0 ? (size_t)len : 0);
}

static void end_value(struct reader *r, struct frame *f, struct frame *in)
{
    r->values_deep--;
    if (!f->v)
        leave(r, f, string_value(r));
    json_t *v = f->v;
    f->v = NULL;
    if (of(in) != DATA)
        leave(r, in, v);
    else if (json_array_append_new(in[-1].v, v) < 0)
        fail(r, "out of memory");
}

static void end_param(struct reader *r, struct frame *f, struct frame *in)
{
    json_t *v = f->v;
    f->v = NULL;
    if (!v)
        fail(r, "a <param> without a value");
    else if (json_array_append_new(in->v, v) < 0)
        fail(r, "out of memory");
}

static void end_name(struct reader *r, struct frame *in)
{
    if (in->name)
        fail(r, "a <member> with two names");
    else
        in->name = mem_strdup(str_text(&r->text));
}

static void end_member(struct reader *r, struct frame *f, struct frame *in)
{
    json_t *v = f->v;
    f->v = NULL;
    if (!f->name || !v) {
        fail(r, f->name ? "a <member> without a value" : "a <member> without a name");
        json_decref(v);
    } else if (json_object_set_new_nocheck(in->v, f->name, v) < 0) {
        fail(r, "out of memory");
    }
}

static void end_method_name(struct reader *r)
{
    if (r->method)
        fail(r, "two method names");
    else
        r->method = mem_strdup(str_text(&r->text));
}

static void end_outer(struct reader *r, struct frame *f, json_t **out)
{
    if (*out)
        fail(r, "the same element twice");
    json_decref(*out);
    *out = f->v;
    f->v = NULL;
}

/* The types of values that are text. */
static json_t *(*const texts[])(struct reader *r) = {
    [STRING] = string_value, [INT] = int_value,       [BOOLEAN] = boolean_value,
    [DOUBLE] = double_value, [BASE64] = base64_value, [NIL] = NULL,
};

static void end(struct reader *r, struct frame *f, struct frame *in)
{
    enum element is = of(f);
    if (is >= STRING && is <= BASE64)
        leave(r, in, texts[is](r));
    else if (is == NIL)
        leave(r, in, json_null());
    else if (is == ARRAY || is == STRUCT)
        leave(r, in, json_incref(f->v));
    else if (is == VALUE)
        end_value(r, f, in);
    else if (is == PARAM)
        end_param(r, f, in);
    else if (is == NAME)
        end_name(r, in);
    else if (is == MEMBER)
        end_member(r, f, in);
    else if (is == METHOD_NAME)
        end_method_name(r);
    else if (is == PARAMS)
        end_outer(r, f, &r->params);
    else if (is == FAULT)
        end_outer(r, f, &r->fault);
}

static void frame_fini(struct frame *f)
{
    json_decref(f->v);
    free(f->name);
    *f = (struct frame){0};
}

static void on_end(void *obj, const XML_Char *name)
{
    struct reader *r = obj;
    (void)name;
    if (r->failed)
        return;
    struct frame *f = &r->frames[r->depth];
    end(r, f, f - 1);
    frame_fini(f);
    r->depth--;
}

/* ---- a document ---- */

static void on_doctype(void *obj, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_subset;
    fail(obj, "a DOCTYPE is refused");
}

static void reader_fini(struct reader *r)
{
    for (size_t i = 0; i <= r->depth; i++)
        frame_fini(&r->frames[i]);
    json_decref(r->params);
    json_decref(r->fault);
    free(r->method);
    str_fini(&r->text);
    if (r->xml)
        XML_ParserFree(r->xml);
}

static int read_document(struct reader *r, const char *p, size_t n)
{
    if (n > INT_MAX)
        return err_set(r->e, "more than %d bytes", INT_MAX);
    r->xml = XML_ParserCreate(NULL);
    if (!r->xml)
        return err_set(r->e, "out of memory");
    XML_SetUserData(r->xml, r);
    XML_SetElementHandler(r->xml, on_start, on_end);
    XML_SetCharacterDataHandler(r->xml, on_text);
    XML_SetStartDoctypeDeclHandler(r->xml, on_doctype);
    bool ok = XML_Parse(r->xml, p, (int)n, 1) == XML_STATUS_OK;
    if (r->failed)
        return -1;
    if (!ok)
        return err_set(r->e, "%s (line %lu)", XML_ErrorString(XML_GetErrorCode(r->xml)),
                       (unsigned long)XML_GetCurrentLineNumber(r->xml));
    return 0;
}

int xmlrpc_read_call(const char *p, size_t n, struct xmlrpc_call *out, struct err *e)
{
    struct reader r = {.root = CALL, .max_values = XMLRPC_CALL_VALUES, .e = e};
    *out = (struct xmlrpc_call){0};
    int rc = read_document(&r, p, n);
    if (rc == 0 && (!r.method || !*r.method))
        rc = err_set(e, "no method name");
    if (rc == 0) {
        *out = (struct xmlrpc_call){.method = r.method, .params = r.params};
        r.method = NULL;
        r.params = NULL;
        if (!out->params)
            out->params = json_array();
    }
    reader_fini(&r);
    return rc;
}

void xmlrpc_call_fini(struct xmlrpc_call *c)
{
    free(c->method);
    json_decref(c->params);
    *c = (struct xmlrpc_call){0};
}

static int take_fault(const json_t *v, struct xmlrpc_response *out, struct err *e)
{
    const json_t *code = json_object_get(v, "faultCode"), *text = json_object_get(v, "faultString");
    if (!json_is_integer(code) || !json_is_string(text))
        return err_set(e, "a fault without its code and text");
    long long number = json_integer_value(code);
    out->fault = number < INT_MIN || number > INT_MAX ? 0 : (int)number;
    out->text = mem_strdup(json_string_value(text));
    return 0;
}

int xmlrpc_read_response(const char *p, size_t n, size_t max_values, struct xmlrpc_response *out,
                         struct err *e)
{
    struct reader r = {.root = RESPONSE, .max_values = max_values, .e = e};
    *out = (struct xmlrpc_response){0};
    int rc = read_document(&r, p, n);
    if (rc == 0 && r.fault)
        rc = take_fault(r.fault, out, e);
    else if (rc == 0 && json_array_size(r.params) == 1)
        out->value = json_incref(json_array_get(r.params, 0));
    else if (rc == 0)
        rc = err_set(e, "an answer without one value");
    reader_fini(&r);
    return rc;
}

void xmlrpc_response_fini(struct xmlrpc_response *r)
{
    json_decref(r->value);
    free(r->text);
    *r = (struct xmlrpc_response){0};
}
