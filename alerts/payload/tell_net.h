/* What messages over HTTP and SMTP take from the options that these kinds share. */
#ifndef ALERTS_PAYLOAD_TELL_NET_H
#define ALERTS_PAYLOAD_TELL_NET_H

#include "alerts/payload/tell.h"
#include "alerts/rules/notify_net.h"

static inline void tell_net(struct tell_message *m, const struct notify_net *net)
{
    m->tls_insecure = !net->tls_verify;
    m->tls_ca = net->tls_ca;
    m->proxy = net->proxy;
}

/* user and password, or a token; each may be NULL. */
static inline void tell_auth(struct tell_message *m, const char *user, const char *password,
                             const char *bearer)
{
    str_puts(&m->user, user ? user : "");
    str_puts(&m->secret, user ? (password ? password : "") : (bearer ? bearer : ""));
}

#endif
