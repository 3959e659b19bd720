/* type=slack: rows and checks. */
#include "alerts/rules/notify_slack.h"

#define O struct notify_slack
static const struct opt rows[] = {
    NOTIFY_SECRET(O, "url", url, .def_note = "required", .aka = "webhook webhook_url api_url",
                  .help = "The URL of the incoming webhook, https://hooks.slack.com/services/...; "
                          "whoever has it can post, so it is kept like a password."),
    NOTIFY_SECRET_FILE(O, "url_file", url_file, .aka = "webhook_file webhook_url_file api_url_file",
                       .help = "A file with the URL."),
    NOTIFY_NET_ROWS(O),
};
OPT_TABLE(rows_notify_slack, rows);

static void check(struct checker *k)
{
    const struct notify_slack *o = k->item->own;
    notify_check_url(k, "url", o->url, "https http");
    notify_check_net(k, &o->net);
}

const struct kind notify_kind_slack = {
    .name = "slack",
    .help = "Writes to a channel of Slack through an incoming webhook.",
    .rows = &rows_notify_slack,
    .size = sizeof(struct notify_slack),
    .check = check,
};
