/* Records: a head that says what follows, and a CRC over both. */
#include "alerts/rules/record.h"
#include "supervisor/base/crc.h"

#include <string.h>

struct head {
    uint32_t crc; /* of what follows it */
    uint16_t kind, version;
    uint32_t size;
};
_Static_assert(sizeof(struct head) == RECORD_HEAD, "no padding");

static uint32_t crc_of(const struct head *h, const void *state)
{
    uint32_t crc = crc32_of(&h->kind, sizeof(*h) - offsetof(struct head, kind));
    return crc32_add(crc, state, h->size);
}

void record_seal(void *buf, uint16_t kind, uint16_t version, const void *state, size_t n)
{
    struct head h = {.kind = kind, .version = version, .size = (uint32_t)n};
    h.crc = crc_of(&h, state);
    memcpy(buf, &h, sizeof(h));
    memcpy((char *)buf + sizeof(h), state, n);
}

bool record_open(const void *buf, size_t size, uint16_t kind, uint16_t version, void *state,
                 size_t n)
{
    struct head h;
    if (size != RECORD_HEAD + n)
        return false;
    memcpy(&h, buf, sizeof(h));
    if (h.kind != kind || h.version != version || h.size != n ||
        h.crc != crc_of(&h, (const char *)buf + sizeof(h)))
        return false;
    memcpy(state, (const char *)buf + sizeof(h), n);
    return true;
}
