/* What the notifiers that speak HTTP or SMTP have in common: options and checks. No message repeats
 * a value, since it may be a secret. */
#ifndef ALERTS_RULES_NOTIFY_NET_H
#define ALERTS_RULES_NOTIFY_NET_H

#include "supervisor/conf/family.h"

struct notify_net {
    bool tls_verify;
    const char *tls_ca, *proxy; /* NULL: the system's; none */
};

/* A row of a kind's struct, one whose value is secret, and the twin that reads it from a file. */
#define NOTIFY_ROW(st, text, field, kind, ...)                                                     \
    OPT(st, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
#define NOTIFY_SECRET(st, text, field, ...)                                                        \
    OPT(st, text, field, STRING, .flags = OPT_OURS | OPT_SECRET, .apply = GEN_HOT, __VA_ARGS__)
#define NOTIFY_SECRET_FILE(st, text, field, ...)                                                   \
    OPT(st, text, field, PATH, .flags = OPT_OURS | OPT_SECRET_FILE, .apply = GEN_HOT,              \
        .def_note = "none", __VA_ARGS__)

/* The rows of a member net, a struct notify_net. */
#define NOTIFY_TLS_ROWS(st)                                                                        \
    NOTIFY_ROW(st, "tls_verify", net.tls_verify, BOOLEAN, .def = "true",                           \
               .help = "Whether the server's certificate has to be valid, trusted, and for its "   \
                       "name."),                                                                   \
        OPT(st, "tls_ca", net.tls_ca, PATH, .flags = OPT_OURS | OPT_FILE, .apply = GEN_HOT,        \
            .def_note = "the system's",                                                            \
            .help = "A PEM file with the authorities to trust instead of the system's.")
#define NOTIFY_NET_ROWS(st)                                                                        \
    NOTIFY_TLS_ROWS(st), NOTIFY_ROW(st, "proxy", net.proxy, STRING,                                \
                                    .def_note = "none, whatever the environment says",             \
                                    .help = "A proxy to go through, http://host:port.")

/* Fails unless text is a URL with one of the schemes ("http https"), a host that is not a
 * link-local address (where clouds keep credentials), without a user in it. text NULL: "is
 * missing". */
void notify_check_url(struct checker *k, const char *option, const char *text, const char *schemes);
/* Lines "Name: value" that hold nothing we set ourselves. */
void notify_check_headers(struct checker *k, const char *option, const char *text);
/* user=, password= and bearer= as they may go together; NULL: not given. */
void notify_check_auth(struct checker *k, const char *user, const char *password,
                       const char *bearer);
void notify_check_net(struct checker *k, const struct notify_net *net);

#endif
