/* XML-RPC, written: values, calls and answers, byte for byte as Python's xmlrpc.client writes them,
 * since clients depend on its tags. Everything goes straight into the text, so that a large answer
 * is not built twice. Text that is no UTF-8, and characters that XML does not allow, become U+FFFD.
 */
#ifndef XMLRPC_WRITE_H
#define XMLRPC_WRITE_H

#include "supervisor/base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- values; each is a whole <value> ---- */

/* XML-RPC's int has 32 bits: what is beyond becomes the nearest that fits. */
void xmlrpc_put_int(struct str *out, int64_t v);
void xmlrpc_put_bool(struct str *out, bool v);
void xmlrpc_put_string(struct str *out, const char *text);
void xmlrpc_put_bytes(struct str *out, const char *p, size_t n);
/* Arrays hold values, structs members; both nest. */
void xmlrpc_array_begin(struct str *out);
void xmlrpc_array_end(struct str *out);
void xmlrpc_struct_begin(struct str *out);
void xmlrpc_struct_end(struct str *out);
/* A member: its name, then one value, then the end. */
void xmlrpc_member_begin(struct str *out, const char *name);
void xmlrpc_member_end(struct str *out);
void xmlrpc_member_int(struct str *out, const char *name, int64_t v);
void xmlrpc_member_bool(struct str *out, const char *name, bool v);
void xmlrpc_member_string(struct str *out, const char *name, const char *text);
/* Any jansson value; null is <nil/>. */
void xmlrpc_put_json(struct str *out, const json_t *v);
/* The struct faultCode, faultString: as a result of a multicall, and inside a fault. */
void xmlrpc_put_fault(struct str *out, int code, const char *text);

/* ---- documents ---- */

/* An answer: begin, one value, end. */
void xmlrpc_response_begin(struct str *out);
void xmlrpc_response_end(struct str *out);
/* An answer that is a fault. */
void xmlrpc_fault(struct str *out, int code, const char *text);
/* A call; params is an array, or NULL for none. */
void xmlrpc_call(struct str *out, const char *method, const json_t *params);

#endif
