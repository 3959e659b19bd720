/* The text of an event as a listener gets it: a header line and a payload (supervisor-compat,
 * section 13.1). Pure. */
#ifndef CORE_EVENTTEXT_H
#define CORE_EVENTTEXT_H

#include "supervisor/base/str.h"
#include "supervisor/core/eventtype.h"

#include <stdint.h>

#define EVENT_SERIAL_MAX UINT64_C(0x7fffffffffffffff) /* 0 comes after it */

struct event_head {
    const char *server, *pool;
    uint64_t serial, pool_serial;
    enum event_type type;
    bool bytes; /* len counts bytes; else characters, as Supervisor does */
};

/* Appends the whole of it: head line, payload p[0..n), no newline behind. */
void event_text(struct str *out, const struct event_head *h, const char *p, size_t n);
/* Appends what a program wrote: as it is if it is UTF-8, else "Undecodable: " and Python's b'...'.
 */
void event_put_data(struct str *out, const char *p, size_t n);
/* Characters in valid UTF-8. */
size_t event_chars(const char *p, size_t n);

#endif
