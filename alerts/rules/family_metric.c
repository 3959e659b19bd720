/* [metric:N]: the rows that all kinds share, their checks, and the list of kinds. */
#include "alerts/rules/metric.h"
#include "alerts/rules/window.h"
#include "supervisor/base/dur.h"

#define SEC INT64_C(1000000000)
#define A(text, field, kind, ...)                                                                  \
    OPT(struct metric_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    A("type", type, STRING, .def_note = "required", .help = "Where what is counted comes from."),
    A("cell", cell, DURATION, .def = "10s", .lo = SEC, .hi = 60 * SEC,
      .help = "The finest step of its rolling windows, which reach back three days in coarser "
              "steps: a divisor of a minute from 1s on. No window may be shorter. A change "
              "begins the windows anew."),
};
OPT_TABLE(rows_metric, rows);

static void check(struct checker *k)
{
    const struct metric_opts *o = k->item->common;
    if (!window_cell_fits((dur_t){o->cell}))
        check_fail(k, "cell",
                   "a minute has to be a multiple of it: 1s, 2s, 3s, 4s, 5s, 6s, 10s, "
                   "12s, 15s, 20s, 30s or 1m");
    if (!family_names(&family_alert, k->item) && !k->c->agent.listen.text)
        check_hint(k, "type", "no alert is about it: supctl metrics shows it, and nobody is told");
}

/* The option that says what an error is, if the kind has one and it is not given. */
static const char *missing_errors(const struct item *m)
{
    static const char *const options[] = {"errors", "over"};
    size_t row;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (rows_find(m->kind->rows, options[i], &row))
            return item_given(m, options[i]) ? NULL : options[i];
    }
    return NULL;
}

void check_errors(struct checker *k, const struct item *m, const char *instead)
{
    const char *missing = m ? missing_errors(m) : NULL;
    if (missing)
        check_warn(k, "metric",
                   "[metric:%s] has no %s=, so nothing of it is an error: this never fires%s",
                   m->name, missing, instead);
}

void check_statsd(struct checker *k)
{
    if (!k->c->agent.statsd_listen.text && !k->c->agent.statsd_socket)
        check_warn(k, "type",
                   "StatsD datagrams have no way in: nothing is ever counted; add [agent] with "
                   "statsd_listen=8125");
}

bool check_required(struct checker *k, const char *option, const char *value)
{
    if (value && *value)
        return true;
    check_fail(k, option, "is required for type=%s", k->item->kind->name);
    return false;
}

const struct item *check_metric(struct checker *k, const char *name, int64_t window_ns)
{
    if (!check_required(k, "metric", name))
        return NULL;
    const struct item *it = check_item(k, "metric", &family_metric, name);
    char buf[DUR_TEXT], window[DUR_TEXT];
    if (it && window_ns && window_ns < metric_opts(it)->cell)
        check_fail(k, "window",
                   "%s is shorter than %s, the steps in which the metric %s counts (its cell=)",
                   dur_format((dur_t){window_ns}, window, sizeof(window)),
                   dur_format((dur_t){metric_opts(it)->cell}, buf, sizeof(buf)), name);
    return it;
}

#define KIND(name) extern const struct kind metric_kind_##name;
#include "alerts/rules/metric_kinds.def"
#undef KIND

static const struct kind *const kinds[] = {
#define KIND(name) &metric_kind_##name,
#include "alerts/rules/metric_kinds.def"
#undef KIND
    NULL,
};

const struct family family_metric = {
    .section = "metric",
    .rows = &rows_metric,
    .size = sizeof(struct metric_opts),
    .kinds = kinds,
    .nkinds = sizeof(kinds) / sizeof(kinds[0]) - 1,
    .check = check,
};
