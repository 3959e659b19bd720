/* Wilson's score interval for a share k of n (E. B. Wilson, 1927), at 95 %: with z = 1.96, p = k/n
 * and d = 1 + z^2/n
 *
 *     low, high = (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / d
 *
 * Unlike k/n +- z sqrt(p(1-p)/n) it holds for few samples and for shares near 0, which is what
 * error rates are. One limit on the lower bound works for 2 and for 2,000 requests a minute. */
#ifndef ALERTS_RULES_WILSON_H
#define ALERTS_RULES_WILSON_H

/* The bounds for k of n, 0 <= k <= n; without samples 0 and 1. n and k need not be whole: the
 * oldest cell of a window counts in part. */
double wilson_low(double k, double n);
double wilson_high(double k, double n);

#endif
