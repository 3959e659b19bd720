/* [metric:N] type=probe: results of a probe. */
#include "alerts/rules/metric.h"

#define R(text, field, kind, ...)                                                                  \
    OPT(struct metric_probe, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("probe", probe, STRING, .def_note = "required", .refers = &family_probe,
      .help = "The probe whose results count."),
};
OPT_TABLE(rows_metric_probe, rows);

static void check(struct checker *k)
{
    const struct metric_probe *o = k->item->own;
    if (check_required(k, "probe", o->probe))
        check_item(k, "probe", &family_probe, o->probe);
}

const struct kind metric_kind_probe = {
    .name = "probe",
    .help = "Counts the results of a probe: a failed attempt is an error.",
    .rows = &rows_metric_probe,
    .size = sizeof(struct metric_probe),
    .check = check,
};
