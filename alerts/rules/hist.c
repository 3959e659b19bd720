/* Histograms of durations: counting, merging, quantiles, and the packed form. */
#include "alerts/rules/hist.h"

#include <string.h>

enum { SHIFT = 6, LOW_EXP = 10 };
_Static_assert(HIST_STEPS == 1 << SHIFT && HIST_MIN_NS == 1 << LOW_EXP, "steps are bits");

/* Step 0 is all below 1 us; then 64 of equal width in each octave. */
static unsigned step_of(int64_t ns)
{
    if (ns < HIST_MIN_NS)
        return 0;
    uint64_t v = ns > HIST_MAX_NS ? (uint64_t)HIST_MAX_NS : (uint64_t)ns;
    unsigned e = 63u - (unsigned)__builtin_clzll(v);
    return ((e - LOW_EXP) << SHIFT) + ((unsigned)(v >> (e - SHIFT)) & (HIST_STEPS - 1)) + 1;
}

/* the middle of a step */
static int64_t step_value(unsigned step)
{
    if (step == 0)
        return HIST_MIN_NS;
    unsigned e = ((step - 1) >> SHIFT) + LOW_EXP, sub = (step - 1) & (HIST_STEPS - 1);
    int64_t width = INT64_C(1) << (e - SHIFT);
    return (INT64_C(1) << e) + sub * width + width / 2;
}

static void count(struct hist *h, unsigned step, uint32_t n)
{
    if (__builtin_add_overflow(h->c[step], n, &h->c[step]))
        h->c[step] = UINT32_MAX;
    h->n += n;
}

void hist_clear(struct hist *h)
{
    memset(h, 0, sizeof(*h));
}

void hist_add(struct hist *h, int64_t ns, uint32_t n)
{
    count(h, step_of(ns), n);
}

void hist_merge(struct hist *to, const struct hist *from)
{
    for (unsigned i = 0; from->n && i < HIST_BUCKETS; i++) {
        if (from->c[i])
            count(to, i, from->c[i]);
    }
}

void hist_merge_share(struct hist *to, const struct hist *from, double share)
{
    double owed = 0.5; /* what rounding left over goes to the next step, so that the sum is right */
    for (unsigned i = 0; from->n && i < HIST_BUCKETS; i++) {
        owed += from->c[i] * share;
        uint32_t n = (uint32_t)owed;
        owed -= n;
        if (n)
            count(to, i, n);
    }
}

int64_t hist_quantile(const struct hist *h, int32_t q_ppm)
{
    if (!h->n)
        return 0;
    /* the rank of the sample, from 1 */
    uint64_t rank =
        h->n / 1000000 * (uint64_t)q_ppm + (h->n % 1000000 * (uint64_t)q_ppm + 999999) / 1000000;
    uint64_t seen = 0;
    unsigned last = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        if (!h->c[i])
            continue;
        seen += h->c[i];
        last = i;
        if (seen >= rank)
            break;
    }
    return step_value(last);
}

uint64_t hist_above(const struct hist *h, int64_t ns)
{
    uint64_t n = 0;
    for (unsigned i = step_of(ns) + 1; i < HIST_BUCKETS; i++)
        n += h->c[i];
    return n;
}

/* ---- packed: pairs of (empty steps skipped, count), both as 7 bits a byte ---- */

static size_t put_number(uint8_t *out, uint32_t n)
{
    size_t len = 0;
    for (; n >= 0x80; n >>= 7)
        out[len++] = (uint8_t)(n | 0x80);
    out[len++] = (uint8_t)n;
    return len;
}

static bool get_number(const uint8_t **p, const uint8_t *end, uint32_t *out_n)
{
    uint64_t n = 0;
    for (unsigned shift = 0; *p < end && shift < 35; shift += 7) {
        uint8_t byte = *(*p)++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out_n = (uint32_t)n;
            return n <= UINT32_MAX;
        }
    }
    return false;
}

size_t hist_pack(const struct hist *h, uint8_t *out)
{
    size_t len = 0;
    uint32_t skipped = 0;
    for (unsigned i = 0; h->n && i < HIST_BUCKETS; i++) {
        if (!h->c[i]) {
            skipped++;
            continue;
        }
        len += put_number(out + len, skipped);
        len += put_number(out + len, h->c[i]);
        skipped = 0;
    }
    return len;
}

bool hist_unpack(struct hist *to, const uint8_t *p, size_t n)
{
    if (!n) /* an empty cell has no bytes at all */
        return true;
    const uint8_t *end = p + n;
    uint64_t step = 0;
    while (p < end) {
        uint32_t skipped, c;
        if (!get_number(&p, end, &skipped) || !get_number(&p, end, &c))
            return false;
        step += skipped;
        if (step >= HIST_BUCKETS || !c)
            return false;
        count(to, (unsigned)step++, c);
    }
    return true;
}
