/* XML-RPC: whatever comes, it is read or refused with a reason; and what was read is written so
 * that it reads again as the same. */
#include "supervisor/xmlrpc/read.h"
#include "supervisor/xmlrpc/write.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False for what the writer changes on purpose: bytes that are no text, numbers beyond 32 bits,
 * doubles (their last digit), and a carriage return, which XML reads as a newline. */
static bool stays(const json_t *v)
{
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(v, i, member) if (!stays(member)) return false;
    json_object_foreach((json_t *)v, key,
                        member) if (strpbrk(key, "\r") || !stays(member)) return false;
    if (json_is_integer(v))
        return json_integer_value(v) <= INT32_MAX && json_integer_value(v) >= INT32_MIN;
    if (json_is_string(v)) {
        json_t *same = json_stringn(json_string_value(v), json_string_length(v));
        for (i = 0; same && i < json_string_length(v); i++) {
            unsigned char c = (unsigned char)json_string_value(v)[i];
            if ((c < 0x20 && c != '\n' && c != '\t') || c == 0xef) {
                json_decref(same);
                same = NULL;
            }
        }
        json_decref(same);
        return same != NULL;
    }
    return !json_is_real(v);
}

static void read_again(const struct xmlrpc_call *c)
{
    struct str out = STR_INIT;
    struct err e;
    struct xmlrpc_call again;
    xmlrpc_call(&out, c->method, c->params);
    if (xmlrpc_read_call(out.s, out.len, &again, &e) < 0)
        abort();
    if (stays(c->params) && !json_equal(c->params, again.params))
        abort();
    xmlrpc_call_fini(&again);
    str_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xmlrpc_call c;
    struct xmlrpc_response r;
    struct err e = {.msg = ""};
    if (xmlrpc_read_call((const char *)data, size, &c, &e) == 0)
        read_again(&c);
    else if (!*e.msg)
        abort();
    xmlrpc_call_fini(&c);
    e.msg[0] = '\0';
    if (xmlrpc_read_response((const char *)data, size, 1000, &r, &e) < 0 && !*e.msg)
        abort();
    xmlrpc_response_fini(&r);
    return 0;
}
