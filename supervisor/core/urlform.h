/* What URLs and forms encode: %XX, and fields as in "a=1&b=x+y". Pure. */
#ifndef CORE_URLFORM_H
#define CORE_URLFORM_H

#include "supervisor/base/str.h"

/* Decodes %XX in place, but for %00, which would end the text; what is no code stays. The new
 * length. */
size_t url_decode(char *text);
/* Appends the value of the first field of that name, decoded ('+' is a blank), to out; false if
 * there is none. */
bool urlform_get(const char *form, size_t n, const char *name, struct str *out);

#endif
