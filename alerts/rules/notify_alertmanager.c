/* type=alertmanager: rows and checks. */
#include "alerts/rules/notify_alertmanager.h"

#define O struct notify_alertmanager
static const struct opt rows[] = {
    NOTIFY_ROW(O, "urls", urls, LIST, .def_note = "required", .aka = "url address targets host",
               .help = "The base URLs of all members of the cluster, http://host:9093, comma "
                       "separated, not one of a load balancer: each gets every alert."),
    NOTIFY_ROW(O, "user", user, STRING, .def_note = "none",
               .help = "The user's name for basic authentication."),
    NOTIFY_SECRET(O, "password", password, .def_note = "none",
                  .help = "The password that belongs to user."),
    NOTIFY_SECRET_FILE(O, "password_file", password_file, .help = "A file with the password."),
    NOTIFY_SECRET(O, "bearer", bearer, .def_note = "none",
                  .help = "A token, sent as Authorization: Bearer."),
    NOTIFY_SECRET_FILE(O, "bearer_file", bearer_file, .help = "A file with the token."),
    NOTIFY_NET_ROWS(O),
};
OPT_TABLE(rows_notify_alertmanager, rows);

static void check(struct checker *k)
{
    const struct notify_alertmanager *o = k->item->own;
    if (o->urls.n == 0)
        check_fail(k, "urls", "is missing: where is it to be sent?");
    for (size_t i = 0; i < o->urls.n; i++)
        notify_check_url(k, "urls", o->urls.v[i], "http https");
    notify_check_auth(k, o->user, o->password, o->bearer);
    notify_check_net(k, &o->net);
}

const struct kind notify_kind_alertmanager = {
    .name = "alertmanager",
    .aka = "prometheus am",
    .help = "Hands alerts to Prometheus' Alertmanager (API v2), which groups and routes them.",
    .rows = &rows_notify_alertmanager,
    .size = sizeof(struct notify_alertmanager),
    .check = check,
};
