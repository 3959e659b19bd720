/* Notifiers: what is sent for a notice, and what the answer means. One file a kind (tell_KIND.c),
 * by alerts/rules/notify_kinds.def; pure, the sending is alerts/send.c's. */
#ifndef ALERTS_PAYLOAD_TELL_H
#define ALERTS_PAYLOAD_TELL_H

#include "alerts/payload/notice.h"
#include "alerts/rules/notify.h"
#include "supervisor/base/str.h"

/* How it goes out. */
enum tell_way { TELL_HTTP, TELL_SMTP, TELL_COMMAND, TELL_LOG };

/* How a secured connection is insisted on where SMTP begins without one. */
enum tell_starttls { TELL_TLS_REQUIRED, TELL_TLS_OFFERED, TELL_TLS_NEVER };

/* What goes out. The strings belong to the message and are wiped and freed by tell_message_fini;
 * what is a plain pointer belongs to the item. */
struct tell_message {
    enum tell_way way;
    const char *method; /* "POST"; static */
    struct str url;     /* http(s):// or smtp(s)://. Several, one a line: each gets the message, and
                           one that takes it is enough */
    struct str headers; /* lines "Name: value\n"; for a command its environment, "NAME=value\n" */
    struct str body;    /* what is sent, exactly; for a command its standard input */
    struct str args;    /* of a command: its words, each with a NUL behind it */
    struct str from, to; /* SMTP: envelope; to: addresses, one a line */
    struct str user,
        secret;           /* credentials of the way; never logged. secret without user: a token */
    struct str sign_id;   /* the notice's id, with sign_keys */
    struct str sign_keys; /* secrets, one a line: the sender signs the body with each */
    enum tell_starttls starttls;
    bool tls_insecure;
    const char *tls_ca, *proxy; /* or NULL */
    int level;                  /* TELL_LOG: enum log_level */
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
    bool unsure;       /* TELL_RETRY: it was sent, and may have been taken all the same */
    char text[256];    /* what was wrong, for people; no secrets */
};

/* What came back. Of HTTP: status and at most 64 KiB of the body; of SMTP: the last reply's code
 * (0: none) and its text; of a command: its exit status and its output. error: a transport error as
 * a sentence, or NULL. */
struct tell_answer {
    const char *error;
    bool sent; /* with an error: the message had gone out, in part or as a whole */
    int code;
    const char *retry_after; /* the header's value, or NULL */
    const char *body;
    size_t body_len;
    wall_t now; /* for dates in retry_after */
};

struct teller {
    const struct kind *kind;
    /* Builds the message of n notices (more than one only where batches is true) at the time now.
     */
    void (*build)(const struct item *it, const struct notice *const *v, size_t n, wall_t now,
                  struct tell_message *out);
    void (*judge)(const struct item *it, const struct tell_answer *a, struct tell_verdict *out);
    bool batches;
    dur_t resend;    /* what fires is sent again at this distance (alertmanager); 0: not */
    int rate, burst; /* what rate= and burst= are if they are not given, as its service has it */
};

/* The teller of a [notify:N]; never NULL. */
const struct teller *tell_of(const struct item *it);

/* The verdict on an answer: the teller's judge, on a body and with a text that hold none of the
 * item's secrets; and whether it is unsure. */
void tell_judge(const struct item *it, const struct tell_answer *a, struct tell_verdict *out);

/* Replaces in text every value of the item's secret options, and every line and
 * every header's value of those, by "***": servers repeat what they were sent. */
void tell_redact(const struct item *it, char *text);

#endif
