/* type=pagerduty: rows and checks. */
#include "alerts/rules/notify_pagerduty.h"

#include <string.h>

#define KEY_LEN 32

static const char *const words_region[] = {"us", "eu", NULL};

#define O struct notify_pagerduty
static const struct opt rows[] = {
    NOTIFY_SECRET(O, "routing_key", routing_key, .def_note = "required",
                  .aka = "key service_key integration_key token",
                  .help = "The integration key of a service or of an event orchestration (Events "
                          "API v2): 32 characters. Change it only while nothing is open: an alert "
                          "that was opened with the old key cannot be resolved with the new one."),
    NOTIFY_SECRET_FILE(O, "routing_key_file", routing_key_file,
                       .aka = "key_file service_key_file integration_key_file",
                       .help = "A file with the key."),
    NOTIFY_ROW(O, "region", region, WORD, .words = words_region, .def = "us",
               .help = "Where the account is: events.pagerduty.com or events.eu.pagerduty.com."),
    NOTIFY_ROW(O, "url", url, STRING, .def_note = "the region's",
               .help = "Another place that speaks the Events API v2, with its path."),
    NOTIFY_NET_ROWS(O),
};
OPT_TABLE(rows_notify_pagerduty, rows);

static void check(struct checker *k)
{
    const struct notify_pagerduty *o = k->item->own;
    const char *key = o->routing_key;
    size_t n =
        key ? strspn(key, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") : 0;
    if (!key)
        check_fail(k, "routing_key", "is missing: which service is to be told?");
    else if (n != KEY_LEN || key[n])
        check_fail(k, "routing_key", "has to be %d letters and digits", KEY_LEN);
    if (o->url)
        notify_check_url(k, "url", o->url, "https http");
    notify_check_net(k, &o->net);
}

const struct kind notify_kind_pagerduty = {
    .name = "pagerduty",
    .aka = "pd pager",
    .help = "Opens and resolves alerts of PagerDuty (Events API v2).",
    .rows = &rows_notify_pagerduty,
    .size = sizeof(struct notify_pagerduty),
    .check = check,
};
