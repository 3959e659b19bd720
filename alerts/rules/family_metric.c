/* [metric:N]: the rows that all kinds share, and the list of kinds. */
#include "alerts/rules/metric.h"

#define A(text, field, kind, ...)                                                                  \
    OPT(struct metric_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    A("type", type, STRING, .def_note = "required", .help = "Where what is counted comes from."),
};
OPT_TABLE(rows_metric, rows);

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
};
