/* Text from outside into HTML and into addresses. Pure. */
#ifndef RPC_HTML_H
#define RPC_HTML_H

#include "supervisor/base/str.h"

/* Appends n bytes so that they are text wherever HTML has text, or the value of an attribute in
 * quotes: & < > " ' as entities, and U+FFFD for what is no UTF-8 and for control characters but
 * newlines and tabs. */
void html_bytes(struct str *out, const char *p, size_t n);
/* The same of a string; NULL: nothing. */
void html_text(struct str *out, const char *s);
/* Appends a value of a query: all but letters, digits and -._~ as %XX. */
void html_query(struct str *out, const char *s);

#endif
