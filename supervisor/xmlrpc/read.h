/* XML-RPC, read: a whole document becomes jansson values. int, i4, i8, boolean, double, string,
 * dateTime.iso8601 (its text), base64 (its bytes, as a string of any bytes), nil, array and struct;
 * a <value> without a type is a string. A DOCTYPE is refused, so that there are no entities but
 * XML's own; depth and the number of values are bounded, so memory is, too. */
#ifndef XMLRPC_READ_H
#define XMLRPC_READ_H

#include "supervisor/base/err.h"

#include <jansson.h>
#include <stddef.h>

#define XMLRPC_DEPTH 32            /* values within values, at most */
#define XMLRPC_CALL_VALUES 100000u /* of a call, at most: 10,000 calls in one, and room */

struct xmlrpc_call {
    char *method;   /* not empty; with what xmlrpc_call_fini frees */
    json_t *params; /* an array */
};

/* Reads a call of n bytes. 0, or -1 and the reason. */
int xmlrpc_read_call(const char *p, size_t n, struct xmlrpc_call *out, struct err *e);
void xmlrpc_call_fini(struct xmlrpc_call *c);

/* An answer: a value, or a fault. */
struct xmlrpc_response {
    json_t *value; /* NULL: it is a fault */
    int fault;
    char *text; /* of the fault, as UTF-8; NULL: it is none */
};

/* Reads an answer of n bytes with no more than max_values values (0: any number). 0, or -1 and the
 * reason. */
int xmlrpc_read_response(const char *p, size_t n, size_t max_values, struct xmlrpc_response *out,
                         struct err *e);
void xmlrpc_response_fini(struct xmlrpc_response *r);

#endif
