/* How near its end a certificate is. */
#include "probes/judge/cert.h"

#define DAY_S INT64_C(86400)

int64_t cert_stage_before(const struct cert_stages *s, unsigned stage, int64_t lifetime)
{
    int64_t before = s->before[stage - 1], part = lifetime / (INT64_C(3) << (stage - 1));
    if (before <= 0)
        return 0;
    if (part < before)
        before = part > 0 ? part : 0;
    return before - (before < 2 * DAY_S ? before / 2 : DAY_S);
}

struct cert_stage cert_stage_of(const struct cert_stages *s, int64_t not_before, int64_t not_after,
                                int64_t now)
{
    struct cert_stage at = {0};
    for (unsigned i = 1; i <= CERT_STAGE_ENDED; i++) {
        bool used = i == CERT_STAGE_ENDED || s->before[i - 1] > 0;
        /* the last second, not_after itself, is still valid */
        int64_t begins = i == CERT_STAGE_ENDED
                             ? not_after + 1
                             : not_after - cert_stage_before(s, i, not_after - not_before);
        if (!used)
            continue;
        if (now < begins) {
            at.next = begins;
            return at;
        }
        at.stage = i;
        at.since = begins;
    }
    return at;
}
