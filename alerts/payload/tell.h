/* Notifiers: what is sent for a notice, and what the answer means. One file a kind (tell_KIND.c),
 * by alerts/rules/notify_kinds.def; pure, the sending is alerts/send.c's. */
#ifndef ALERTS_PAYLOAD_TELL_H
#define ALERTS_PAYLOAD_TELL_H

#include "alerts/payload/notice.h"
#include "alerts/rules/notify.h"
#include "supervisor/base/str.h"

/* How it goes out. */
enum tell_way { TELL_HTTP, TELL_SMTP, TELL_COMMAND, TELL_LOG };

/* What goes out. The strings belong to the message and are freed by tell_message_fini. */
struct tell_message {
    enum tell_way way;
    const char *method;      /* "POST"; static */
    struct str url;          /* http(s):// or smtp(s):// */
    struct str headers;      /* lines "Name: value\n" */
    struct str body;         /* what is sent, exactly; for a command its standard input */
    struct str from, to;     /* SMTP: envelope; to: addresses, one a line */
    struct str user, secret; /* credentials of the way; never logged */
};
void tell_message_init(struct tell_message *m);
void tell_message_fini(struct tell_message *m);

enum tell_result {
    TELL_DELIVERED,
    TELL_RETRY, /* not now: after retry_after if that is set, else by the outbox's own backoff */
    TELL_PERMANENT, /* it will never be taken like this: the channel itself is wrong */
};
struct tell_verdict {
    enum tell_result result;
    dur_t retry_after; /* 0: not said */
    char text[256];    /* what was wrong, for people; no secrets */
};

/* What came back. Of HTTP: status and at most 64 KiB of the body; of SMTP: the last reply's code;
 * of a command: its exit status. error: a transport error as a sentence, or NULL. */
struct tell_answer {
    const char *error;
    int code;
    const char *retry_after; /* the header's value, or NULL */
    const char *body;
    size_t body_len;
    wall_t now; /* for dates in retry_after */
};

struct tell {
    const struct kind *kind;
    /* Builds the message of n notices (more than one only where batches is true) at the time now.
     */
    void (*build)(const struct item *it, const struct notice *const *v, size_t n, wall_t now,
                  struct tell_message *out);
    void (*judge)(const struct item *it, const struct tell_answer *a, struct tell_verdict *out);
    bool batches;
    dur_t resend; /* what fires is sent again at this distance (alertmanager); 0: not */
};

/* The teller of a [notify:N]; never NULL. */
const struct tell *tell_of(const struct item *it);

#endif
