/* Mail to an SMTP server (libcurl behind it). The library waits for some answers in a way that
 * holds its caller, so that each mail has a thread of its own, which the loop hears of through an
 * eventfd. */
#ifndef IO_MAIL_OUT_H
#define IO_MAIL_OUT_H

#include "supervisor/io/loop.h"
#include "supervisor/io/resolve.h"

#include <stddef.h>

#define MAIL_THREADS 4 /* at once; a further mail is answered with an error */

struct mail;     /* all mails of the program */
struct mail_run; /* one of them */

struct mail_result {
    const char *error; /* a sentence without secrets; NULL: the server took it */
    bool sent;         /* some of the message went out, whatever came of it */
    int code;          /* of the server's last reply, 0: none; it may explain the error */
    const char *reply; /* the text of that reply, or "" */
};
/* Called once, at the end of a turn; the result is valid during the call. */
typedef void mail_done_fn(void *obj, const struct mail_result *r);

/* Of smtp://, which begins without TLS. */
enum mail_starttls { MAIL_STARTTLS_REQUIRED, MAIL_STARTTLS_OFFERED, MAIL_STARTTLS_NEVER };

/* Texts are copied. NULL: unset. */
struct mail_request {
    const char *url;  /* smtp://host:port or smtps://host:port */
    const char *from; /* an address */
    const char *to;   /* addresses, one a line; what the server takes for some of them is taken */
    const char *message;
    size_t message_len; /* its lines end in CR LF */
    const char *user, *password;
    enum mail_starttls starttls;
    bool tls_insecure;
    const char *tls_ca; /* a PEM file instead of the system's */
    dur_t timeout; /* until the server has taken it; its answer to QUIT may take as long again */
    mail_done_fn *done;
    void *obj;
};

/* NULL and the reason. Loop and resolver must outlive it; the program must ignore SIGPIPE. */
struct mail *mail_new(struct loop *l, struct resolve *r, struct err *e);
/* No mail may be under way in the loop's eyes: mail_cancel them. Threads end by themselves. */
void mail_free(struct mail **m);
/* Never NULL. The run is gone when done is called. Link-local addresses are not gone to. */
struct mail_run *mail_start(struct mail *m, const struct mail_request *rq);
/* Ends it without an answer; what a thread has begun may still arrive. NULL is fine. */
void mail_cancel(struct mail_run **r);

#endif
