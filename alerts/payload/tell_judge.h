/* What answers of HTTP servers mean, in general: 2xx is delivered; 408, 425, 429, 5xx and transport
 * errors are tried again, at the time that the server names; all else will never be taken. */
#ifndef ALERTS_PAYLOAD_TELL_JUDGE_H
#define ALERTS_PAYLOAD_TELL_JUDGE_H

#include "alerts/payload/tell.h"

/* Fills in the whole verdict, with the first line of the body as a reason. */
void tell_judge_http(const struct item *it, const struct tell_answer *a, struct tell_verdict *out);
/* "Retry-After" as seconds or as a date, else a "retry_after" of the JSON body (a fraction is
 * rounded up to a millisecond), at most a day; 0: not said. */
dur_t tell_retry_after(const struct tell_answer *a);
/* Sets result and text. */
void tell_verdict_set(struct tell_verdict *v, enum tell_result result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends ": " and text as one line, cut to what fits. */
void tell_verdict_add(struct tell_verdict *v, const char *text, size_t n);

#endif
