/* The twin of alerts/send.h: attempts that end as the test says, and receivers that note what
 * arrives. */
#ifndef TESTS_FAKE_SEND_H
#define TESTS_FAKE_SEND_H

#include "alerts/send.h"

struct fake_attempt {
    bool arrives; /* the receiver gets it, whatever the answer says */
    enum tell_result result;
    dur_t takes;
    const char *text;
};
/* Decides about an attempt to send that notice to that notifier. */
typedef void fake_attempt_fn(void *obj, const struct item *it, const struct notice *n,
                             struct fake_attempt *out);
/* Something arrived, in the order in which it was sent. */
typedef void fake_arrived_fn(void *obj, const struct item *it, const struct notice *n);

void fake_send_reset(fake_attempt_fn *decide, fake_arrived_fn *arrived, void *obj);

#endif
