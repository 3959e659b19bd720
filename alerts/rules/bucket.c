/* Token buckets by one stamp. */
#include "alerts/rules/bucket.h"

wall_t bucket_ready(const struct bucket *b, const struct bucket_spec *spec, wall_t now)
{
    int64_t first = b->full.ns - (spec->burst - 1) * spec->interval.ns;
    return spec->interval.ns > 0 && first > now.ns ? (wall_t){first} : now;
}

void bucket_force(struct bucket *b, const struct bucket_spec *spec, wall_t now)
{
    wall_t from = b->full.ns > now.ns ? b->full : now;
    b->full = wall_add(from, spec->interval);
}

bool bucket_take(struct bucket *b, const struct bucket_spec *spec, wall_t now)
{
    if (bucket_ready(b, spec, now).ns > now.ns)
        return false;
    bucket_force(b, spec, now);
    return true;
}
