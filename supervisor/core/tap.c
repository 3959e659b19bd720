/* The messages in which supd-log passes text on. */
#include "supervisor/core/tap.h"

#include <string.h>

bool tap_read(const void *p, size_t n, struct tap_head *h, const char **out_text)
{
    if (n < sizeof(*h))
        return false;
    memcpy(h, p, sizeof(*h));
    *out_text = (const char *)p + sizeof(*h);
    if (h->size != sizeof(*h) || h->len > TAP_TEXT || h->len != n - sizeof(*h) || h->channel > 1)
        return false;
    return !(h->flags & TAP_NAMES) || (h->len >= 2 && (*out_text)[h->len - 1] == '\0');
}

bool tap_join(struct tap_join *j, struct tap_head *h, const char **text, uint64_t *out_skipped)
{
    uint64_t end = h->at + h->len + (h->flags & TAP_END ? 1 : 0);
    *out_skipped = h->at > j->at ? h->at - j->at : 0;
    if (end < h->at || end <= j->at)
        return false;
    if (h->at < j->at && h->len) {
        uint32_t known = (uint32_t)(j->at - h->at);
        *text += known;
        h->len -= known;
        h->at = j->at;
        h->flags = (uint8_t)(h->flags & ~(TAP_TORN | TAP_BEGIN));
    }
    j->at = end;
    return true;
}
