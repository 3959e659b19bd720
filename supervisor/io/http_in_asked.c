/* The HTTP server port: what a request says. */
#include "supervisor/core/urlform.h"
#include "supervisor/io/http_in_impl.h"

#include <string.h>

unsigned http_in_method(const struct http_in_call *c)
{
    return c->method;
}

const char *http_in_path(const struct http_in_call *c)
{
    return c->path;
}

const char *http_in_header(const struct http_in_call *c, const char *name)
{
    return MHD_lookup_connection_value(c->c, MHD_HEADER_KIND, name);
}

const char *http_in_query(const struct http_in_call *c, const char *name)
{
    const char *value = NULL;
    size_t n;
    if (MHD_lookup_connection_value_n(c->c, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value,
                                      &n) == MHD_NO)
        return NULL;
    return value ? value : "";
}

const char *http_in_body(const struct http_in_call *c, size_t *out_n)
{
    if (out_n)
        *out_n = c->body.len;
    return str_text(&c->body);
}

bool http_in_form(const struct http_in_call *c, const char *name, struct str *out)
{
    return urlform_get(str_text(&c->body), c->body.len, name, out);
}
