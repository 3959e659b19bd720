/* Wilson's score interval. */
#include "alerts/rules/wilson.h"

static const double z = 1.96;

/* Newton's method, from above, so that it falls until it is exact; the kinds are part of supd,
 * which links no libm. */
static double root(double x)
{
    if (x <= 0)
        return 0;
    double r = x > 1 ? x : 1;
    for (int i = 0; i < 200; i++) {
        double next = (r + x / r) / 2;
        if (next >= r)
            break;
        r = next;
    }
    return r;
}

static double bound(double k, double n, double side)
{
    double p = k / n, z2 = z * z;
    double b =
        (p + z2 / (2 * n) + side * z * root(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n);
    return b < 0 ? 0 : b > 1 ? 1 : b;
}

double wilson_low(double k, double n)
{
    return n > 0 ? bound(k, n, -1) : 0;
}

double wilson_high(double k, double n)
{
    return n > 0 ? bound(k, n, 1) : 1;
}
