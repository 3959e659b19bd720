/* [metric:N] type=timer: a StatsD timer. */
#include "alerts/rules/metric.h"
#include "supervisor/conf/value.h"

#define SEC INT64_C(1000000000)
#define R(text, field, kind, ...)                                                                  \
    OPT(struct metric_timer, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("timer", timer, STRING, .def_note = "required", .aka = "name metric stat",
      .help = "The StatsD timer (types ms, h and d), in milliseconds."),
    R("over", over, DURATION, .def_note = "none", .lo = 1000, .hi = 3600 * SEC,
      .help = "A request that takes longer counts as an error, so that an alert can be about the "
              "share of slow requests: better than a percentile where there are few."),
    R("percentiles", percentiles, LIST, .def = "50,95,99", .aka = "percentile quantiles",
      .help = "What is shown of it, in percent; exact to 1 % between 1 us and 1 h."),
    R("tags", tags, LIST, .def = "",
      .help = "Only samples that have all of these tags (DogStatsD: env:prod) count."),
};
OPT_TABLE(rows_metric_timer, rows);

static void check(struct checker *k)
{
    const struct metric_timer *o = k->item->own;
    check_required(k, "timer", o->timer);
    check_statsd(k);
    if (check_bare_number(k, "over") && o->over >= SEC)
        check_warn(k, "over", "a number without a unit is seconds; write 300ms or 3s");
    for (size_t i = 0; i < o->percentiles.n; i++) {
        int32_t ppm;
        struct err e;
        if (val_share(o->percentiles.v[i], &ppm, &e) < 0)
            check_fail(k, "percentiles", "%s", e.msg);
        else if (ppm == 0 || ppm == 1000000)
            check_fail(k, "percentiles", "%s is not between 0 and 100", o->percentiles.v[i]);
    }
}

const struct kind metric_kind_timer = {
    .name = "timer",
    .aka = "latency histogram timing duration",
    .help = "Percentiles of a timer that programs send as StatsD datagrams ([agent] "
            "statsd_listen=, statsd_socket=).",
    .rows = &rows_metric_timer,
    .size = sizeof(struct metric_timer),
    .check = check,
};
