/* [notify:N]: the rows that all kinds share, and the list of kinds. */
#include "alerts/rules/notify.h"
#include "alerts/rules/reach.h"

static const char *const words_severity[] = {"info", "warning", "critical", "page", NULL};

#define N(text, field, kind, ...)                                                                  \
    OPT(struct notify_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    N("type", type, STRING, .def_note = "required", .help = "How it is sent."),
    N("severity", severity, WORD, .words = words_severity, .def = "info",
      .aka = "min_severity level", .help = "Alerts less severe than this are not sent here."),
    N("resolved", resolved, BOOLEAN, .def = "true", .aka = "send_resolved",
      .help = "Tell the end of an alert, too. An end is told only where its beginning was "
              "delivered."),
    N("fallback", fallback, STRING, .def_note = "none", .aka = "backup else",
      .refers = &family_notify,
      .help = "Another notifier that gets what this one could not deliver within 3 attempts or 2 "
              "minutes, or never will."),
    N("timeout", timeout, DURATION, .def = "10s", .lo = 100 * INT64_C(1000000),
      .hi = INT64_C(300000000000), .help = "An attempt that takes longer failed; it is repeated."),
    N("rate", rate, INTEGER, .lo = 1, .hi = 100000,
      .def_note = "60; of smtp 1, of pagerduty 120, of alertmanager and log 6000",
      .help = "So many messages a minute at most; the ends of alerts are not held back."),
    N("burst", burst, INTEGER, .lo = 1, .hi = 100000,
      .def_note = "10; of slack 5, of alertmanager and log 1000",
      .help = "So many messages at once before rate counts."),
};
OPT_TABLE(rows_notify, rows);

#define KIND(name) extern const struct kind notify_kind_##name;
#include "alerts/rules/notify_kinds.def"
#undef KIND

static const struct kind *const kinds[] = {
#define KIND(name) &notify_kind_##name,
#include "alerts/rules/notify_kinds.def"
#undef KIND
    NULL,
};

static void check_fallback(struct checker *k, const struct notify_opts *o)
{
    const struct item *next = check_item(k, "fallback", &family_notify, o->fallback);
    for (size_t n = 0; next && n <= k->c->items.n; n++) {
        if (next == k->item) {
            check_fail(k, "fallback", "falls back to itself, directly or through others");
            return;
        }
        const char *name = notify_opts(next)->fallback;
        next = name ? family_item(k->c, &family_notify, name) : NULL;
    }
}

static void check(struct checker *k)
{
    const struct notify_opts *o = k->item->common;
    if (o->fallback)
        check_fallback(k, o);
    reach_used(k);
}

const struct family family_notify = {
    .section = "notify",
    .rows = &rows_notify,
    .size = sizeof(struct notify_opts),
    .kinds = kinds,
    .nkinds = sizeof(kinds) / sizeof(kinds[0]) - 1,
    .check = check,
};
