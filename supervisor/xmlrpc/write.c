/* XML-RPC, written. */
#include "supervisor/xmlrpc/write.h"
#include "supervisor/base/text.h"

#include <inttypes.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define WIDE 64u

/* ---- text ---- */

/* What stands for a byte below 0x80 that cannot go as it is; NULL: it can. */
static const char *instead(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\t':
    case '\n':
    case '\r':
        return NULL;
    default:
        return c < 0x20 ? REPLACEMENT : NULL;
    }
}

/* True for U+FFFE and U+FFFF, which UTF-8 can say and XML does not allow. */
static bool is_noncharacter(const unsigned char *p, size_t n)
{
    return n >= 3 && p[0] == 0xef && p[1] == 0xbf && (p[2] == 0xbe || p[2] == 0xbf);
}

/* Length of the longest prefix that goes out as it is. */
static size_t clean(const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] < 0x80 && !instead(p[i]))
        i++;
    return i;
}

/* The same where it does not begin in ASCII; looks no further than WIDE, so that a long run of
 * bytes that are no UTF-8 is not gone through for each of them. */
static size_t clean_wide(const unsigned char *p, size_t n)
{
    size_t len = 0;
    while (len < n && len < WIDE && p[len] >= 0x80)
        len++;
    len = text_utf8_valid((const char *)p, len);
    for (size_t i = 0; i + 3 <= len; i++)
        if (is_noncharacter(p + i, len - i))
            return i;
    return len;
}

static void put_text(struct str *out, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    while (n > 0) {
        size_t len = *p < 0x80 ? clean(p, n) : clean_wide(p, n);
        if (len) {
            str_put(out, p, len);
        } else if (*p < 0x80) {
            str_puts(out, instead(*p));
            len = 1;
        } else {
            str_puts(out, REPLACEMENT);
            len = is_noncharacter(p, n) ? 3 : 1;
        }
        p += len;
        n -= len;
    }
}

/* ---- values ---- */

void xmlrpc_put_int(struct str *out, int64_t v)
{
    if (v > INT32_MAX)
        v = INT32_MAX;
    if (v < INT32_MIN)
        v = INT32_MIN;
    str_printf(out, "<value><int>%" PRId64 "</int></value>\n", v);
}

void xmlrpc_put_bool(struct str *out, bool v)
{
    str_printf(out, "<value><boolean>%d</boolean></value>\n", v);
}

void xmlrpc_put_bytes(struct str *out, const char *p, size_t n)
{
    str_puts(out, "<value><string>");
    put_text(out, p, n);
    str_puts(out, "</string></value>\n");
}

void xmlrpc_put_string(struct str *out, const char *text)
{
    xmlrpc_put_bytes(out, text, strlen(text));
}

void xmlrpc_array_begin(struct str *out)
{
    str_puts(out, "<value><array><data>\n");
}

void xmlrpc_array_end(struct str *out)
{
    str_puts(out, "</data></array></value>\n");
}

void xmlrpc_struct_begin(struct str *out)
{
    str_puts(out, "<value><struct>\n");
}

void xmlrpc_struct_end(struct str *out)
{
    str_puts(out, "</struct></value>\n");
}

void xmlrpc_member_begin(struct str *out, const char *name)
{
    str_puts(out, "<member>\n<name>");
    put_text(out, name, strlen(name));
    str_puts(out, "</name>\n");
}

void xmlrpc_member_end(struct str *out)
{
    str_puts(out, "</member>\n");
}

void xmlrpc_member_int(struct str *out, const char *name, int64_t v)
{
    xmlrpc_member_begin(out, name);
    xmlrpc_put_int(out, v);
    xmlrpc_member_end(out);
}

void xmlrpc_member_bool(struct str *out, const char *name, bool v)
{
    xmlrpc_member_begin(out, name);
    xmlrpc_put_bool(out, v);
    xmlrpc_member_end(out);
}

void xmlrpc_member_string(struct str *out, const char *name, const char *text)
{
    xmlrpc_member_begin(out, name);
    xmlrpc_put_string(out, text);
    xmlrpc_member_end(out);
}

static void put_array(struct str *out, const json_t *v)
{
    xmlrpc_array_begin(out);
    for (size_t i = 0; i < json_array_size(v); i++)
        xmlrpc_put_json(out, json_array_get(v, i));
    xmlrpc_array_end(out);
}

static void put_struct(struct str *out, const json_t *v)
{
    xmlrpc_struct_begin(out);
    for (void *at = json_object_iter((json_t *)v); at;
         at = json_object_iter_next((json_t *)v, at)) {
        xmlrpc_member_begin(out, json_object_iter_key(at));
        xmlrpc_put_json(out, json_object_iter_value(at));
        xmlrpc_member_end(out);
    }
    xmlrpc_struct_end(out);
}

void xmlrpc_put_json(struct str *out, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        put_struct(out, v);
        return;
    case JSON_ARRAY:
        put_array(out, v);
        return;
    case JSON_STRING:
        xmlrpc_put_bytes(out, json_string_value(v), json_string_length(v));
        return;
    case JSON_INTEGER:
        xmlrpc_put_int(out, json_integer_value(v));
        return;
    case JSON_REAL:
        str_printf(out, "<value><double>%.17g</double></value>\n", json_real_value(v));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        xmlrpc_put_bool(out, json_is_true(v));
        return;
    case JSON_NULL:
        str_puts(out, "<value><nil/></value>\n");
        return;
    }
}

void xmlrpc_put_fault(struct str *out, int code, const char *text)
{
    xmlrpc_struct_begin(out);
    xmlrpc_member_int(out, "faultCode", code);
    xmlrpc_member_string(out, "faultString", text);
    xmlrpc_struct_end(out);
}

/* ---- documents ---- */

#define HEAD "<?xml version='1.0'?>\n"

void xmlrpc_response_begin(struct str *out)
{
    str_puts(out, HEAD "<methodResponse>\n<params>\n<param>\n");
}

void xmlrpc_response_end(struct str *out)
{
    str_puts(out, "</param>\n</params>\n</methodResponse>\n");
}

void xmlrpc_fault(struct str *out, int code, const char *text)
{
    str_puts(out, HEAD "<methodResponse>\n<fault>\n");
    xmlrpc_put_fault(out, code, text);
    str_puts(out, "</fault>\n</methodResponse>\n");
}

void xmlrpc_call(struct str *out, const char *method, const json_t *params)
{
    str_puts(out, HEAD "<methodCall>\n<methodName>");
    put_text(out, method, strlen(method));
    str_puts(out, "</methodName>\n<params>\n");
    for (size_t i = 0; i < json_array_size(params); i++) {
        str_puts(out, "<param>\n");
        xmlrpc_put_json(out, json_array_get(params, i));
        str_puts(out, "</param>\n");
    }
    str_puts(out, "</params>\n</methodCall>\n");
}
