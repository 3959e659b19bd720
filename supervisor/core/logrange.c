/* Which bytes of a log are meant. */
#include "supervisor/core/logrange.h"

static bool range_read(int64_t size, int64_t offset, int64_t length, struct logrange *out)
{
    if (length < 0 || (offset < 0 && length != 0))
        return false;
    if (offset < 0)
        *out = (struct logrange){.from = size + offset > 0 ? size + offset : 0, .n = -offset};
    else
        *out = (struct logrange){.from = offset, .n = length ? length : size - offset};
    return true;
}

static bool range_tail(int64_t size, int64_t offset, int64_t length, struct logrange *out)
{
    *out = (struct logrange){.overflow = size > offset + length};
    if (out->overflow)
        offset = size - 1;
    if (offset + length > size) {
        if (offset > size - 1)
            length = 0;
        offset = size - length;
    }
    out->from = offset > 0 ? offset : 0;
    out->n = length > 0 ? length : 0;
    return true;
}

bool logrange(enum logrange_kind kind, int64_t size, int64_t offset, int64_t length,
              struct logrange *out)
{
    *out = (struct logrange){0};
    bool ok = kind == LOGRANGE_READ ? range_read(size, offset, length, out)
                                    : range_tail(size, offset, length, out);
    int64_t there = size > out->from ? size - out->from : 0;
    if (ok && out->n > there)
        out->n = there;
    if (ok && out->n < 0)
        out->n = 0;
    return ok;
}
