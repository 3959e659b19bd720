/* [metric:N] type=counter: StatsD counters. */
#include "alerts/rules/metric.h"

#define R(text, field, kind, ...)                                                                  \
    OPT(struct metric_counter, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("counter", counter, STRING, .def_note = "none", .aka = "name metric stat",
      .help = "The StatsD counter, where one is all there is."),
    R("total", total, STRING, .def_note = "none",
      .help = "With errors=: the counter of all requests, failed ones included."),
    R("ok", ok, STRING, .def_note = "none", .aka = "success successes",
      .help = "With errors=: the counter of the successful requests."),
    R("errors", errors, STRING, .def_note = "none", .help = "The counter of the failed requests."),
    R("tags", tags, LIST, .def = "",
      .help = "Only samples that have all of these tags (DogStatsD: env:prod) count."),
};
OPT_TABLE(rows_metric_counter, rows);

static void check(struct checker *k)
{
    const struct metric_counter *o = k->item->own;
    if (o->counter && (o->total || o->ok || o->errors))
        check_fail(k, "counter", "stands alone; or give errors= with total= or ok=");
    else if (!o->counter && !o->errors)
        check_fail(k, "counter", "is required, or errors= with total= or ok=");
    else if (!o->counter && !o->total == !o->ok)
        check_fail(k, "errors", "needs one of total= and ok= beside it");
    check_statsd(k);
}

const struct kind metric_kind_counter = {
    .name = "counter",
    .aka = "statsd count gauge",
    .help = "Sums up counters that programs send as StatsD datagrams ([agent] statsd_listen=, "
            "statsd_socket=).",
    .rows = &rows_metric_counter,
    .size = sizeof(struct metric_counter),
    .check = check,
};
