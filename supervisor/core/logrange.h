/* Which bytes of a log Supervisor's readLog and tailLog mean by an offset and a length. */
#ifndef CORE_LOGRANGE_H
#define CORE_LOGRANGE_H

#include <stdbool.h>
#include <stdint.h>

#define LOGRANGE_MAX (INT64_C(1) << 53) /* of an offset or a length, at most, either sign */

enum logrange_kind { LOGRANGE_READ = 'r', LOGRANGE_TAIL = 't' };

struct logrange {
    int64_t from, n; /* n bytes from there; fewer when the file ends before */
    bool overflow;   /* tail: there is more than was asked for */
};

/* Of a file of that size. read: from offset, length bytes or, with 0, all; a negative offset counts
 * from the end, and its length has to be 0. tail: the last length bytes, unless offset is so near
 * the end that there are fewer. False: these arguments mean nothing. */
bool logrange(enum logrange_kind kind, int64_t size, int64_t offset, int64_t length,
              struct logrange *out);

#endif
