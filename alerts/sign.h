/* Signatures of webhooks. */
#ifndef ALERTS_SIGN_H
#define ALERTS_SIGN_H

#include "alerts/payload/tell.h"

/* Appends the headers that sign the message's body at the time now, lines "Name: value\n": those of
 * Standard Webhooks (webhook-id, webhook-timestamp, and in webhook-signature one for each key),
 * and X-Hub-Signature-256 with the first key as it is written. False if it cannot be done. */
bool sign_headers(const struct tell_message *m, wall_t now, struct str *out);

#endif
