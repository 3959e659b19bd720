/* StatsD's datagrams. What is passed on is whole: within the datagram, finite, with a weight of at
 * least 1; and each line is one sample, ignored or refused. */
#include "alerts/rules/statsd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct datagram {
    const char *p, *end;
};

static void must(int truth)
{
    if (!truth)
        abort();
}

static void take(void *obj, const struct statsd_sample *s)
{
    const struct datagram *d = obj;
    must(s->name >= d->p && s->name + s->name_len <= d->end && s->name_len > 0);
    must(s->name_len <= STATSD_NAME_MAX && !memchr(s->name, '\n', s->name_len));
    must(!s->tags_len || (s->tags >= d->p && s->tags + s->tags_len <= d->end));
    must(isfinite(s->value) && isfinite(s->weight) && s->weight >= 1);
    must(s->type == STATSD_GAUGE || s->value >= 0);
    statsd_has_tag(s, "env:prod");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct statsd_counts c = {0};
    struct datagram d = {(const char *)data, (const char *)data + size};
    statsd_parse(d.p, size, &c, take, &d);
    must(c.samples + c.ignored + c.refused <= size);
    return 0;
}
