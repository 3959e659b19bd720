/* The outbox: how a row is written down. */
#include "alerts/rules/outbox.h"

enum { RECORD_OUTBOX = 0x4f42, OUTBOX_VERSION = 1 };
_Static_assert(sizeof(struct outbox_row) == 8 * 7 + 4 * 10 + 72, "no padding");

void outbox_save(const struct outbox_row *row, void *buf)
{
    record_seal(buf, RECORD_OUTBOX, OUTBOX_VERSION, row, sizeof(*row));
}

bool outbox_load(const void *buf, size_t size, struct outbox_row *out)
{
    return record_open(buf, size, RECORD_OUTBOX, OUTBOX_VERSION, out, sizeof(*out));
}
