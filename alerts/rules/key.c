/* The key of an alert: the readable part of its name, and a hash of all that makes it itself. */
#include "alerts/rules/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define READABLE 47 /* with '-' and 16 digits: 64 */

/* FNV-1a, with an end mark: "a","bc" is not "ab","c" */
static uint64_t add(uint64_t h, const char *s)
{
    for (; s && *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* spreads the bits, so that sums of hashes do not collide */
static uint64_t spread(uint64_t h)
{
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("._-", c);
}

const char *alert_key(const struct key_parts *p, char out[ALERT_KEY])
{
    uint64_t h = add(UINT64_C(0xcbf29ce484222325), p->scope), labels = 0;
    h = add(add(h, p->name), p->instance);
    for (size_t i = 0; p->labels && i < p->labels->n; i++) /* a sum: their order does not matter */
        labels += spread(add(UINT64_C(0xcbf29ce484222325), p->labels->v[i]));
    size_t n = 0;
    for (const char *s = p->name ? p->name : ""; *s && n < READABLE; s++)
        out[n++] = plain(*s) ? *s : '_';
    snprintf(out + n, ALERT_KEY - n, "-%016" PRIx64, spread(h ^ spread(labels)));
    return out;
}
